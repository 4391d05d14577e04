import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Command,
  type ConversationId,
  type Entry,
  type EventContract,
  type MessageSubmitted,
  messageStored,
  messageSubmitted,
  type Presence,
  type RouteContract,
} from '@parley/contracts'
import { ChatError, createLogger, systemClock } from '@parley/kit'
import { io, type ManagerOptions, type SocketOptions } from 'socket.io-client'
import { createRealtimeApp, type RealtimeDeps } from '../app.ts'
import { at, conversation, memberEntry, messageEntry, user } from './builders.ts'
import { Client } from './client.ts'

/** What the other services would say. Tests change it as they go. */
export interface World {
  readonly log: Map<string, Entry[]>
  readonly members: Map<string, Set<string>>
  /** Whether `messages` handles what is submitted. */
  storing: boolean
  /** Routes that fail, by id. */
  readonly failing: Set<string>
  visible: Presence[]
  /** Who is invisible. */
  readonly hidden: Set<string>
  readonly published: { topic: string; data: unknown }[]
  readonly calls: string[]
}

export type Answers = Readonly<Record<string, (body: never) => unknown>>

function answersOf(world: World, extra: Answers): Answers {
  const logOf = (id: string) => world.log.get(id) ?? []
  return {
    validateSession({ token }: { token: string }) {
      const [name, session = 's1', ttl = '900000'] = token.split('.')
      if (name === 'bad' || name === undefined) throw new ChatError('token_invalid')
      if (name === 'old') throw new ChatError('token_expired')
      const expiresAt = new Date(Date.now() + Number(ttl)).toISOString()
      return { userId: name, sessionId: `${name}-${session}`, expiresAt }
    },
    internalMemberships: ({ userId }: { userId: string }) => ({
      items: [...world.members]
        .filter(([, members]) => members.has(userId))
        .map(([id]) => ({ conversationId: id, head: logOf(id).length })),
    }),
    internalEntries: (body: { conversationId: string; after: number; limit: number }) => ({
      items: logOf(body.conversationId).slice(body.after, body.after + body.limit),
      head: logOf(body.conversationId).length,
      hasMore: false,
    }),
    internalConversation({ conversationId }: { conversationId: string }) {
      const memberIds = [...(world.members.get(conversationId) ?? [])]
      return {
        conversation: {
          id: conversationId,
          kind: 'group',
          createdAt: at,
          createdBy: 'ann',
          memberCount: memberIds.length,
        },
        memberIds,
      }
    },
    internalRead: ({ seq }: { seq: number }) => ({ readSeq: seq, unread: 3, mentions: 1 }),
    internalVisibility: ({ userId }: { userId: string }) => ({ hidden: world.hidden.has(userId), rev: 0 }),
    internalSync: () => ({ conversations: [], gone: [] }),
    internalWatch: ({ userIds }: { userIds: string[] }) => ({
      items: world.visible.filter(({ userId }) => userIds.includes(userId)),
    }),
    ...extra,
  }
}

/** The app on a port, `messages` as a few lines, and real Socket.IO clients. Events come in over HTTP. */
export async function startRealtime(options: Partial<RealtimeDeps> & { answers?: Answers } = {}) {
  const world: World = {
    log: new Map(),
    members: new Map(),
    storing: true,
    failing: new Set(),
    visible: [],
    hidden: new Set(),
    published: [],
    calls: [],
  }
  const answers = answersOf(world, options.answers ?? {})
  const sidecar: RealtimeDeps['sidecar'] = {
    async publish(contract, data) {
      world.published.push({ topic: contract.topic, data })
      if (contract.topic === messageSubmitted.topic && world.storing)
        // A test may end while something is still being stored.
        void store(data as MessageSubmitted).catch((error) => assert.ok(closed, String(error)))
    },
    async publishRaw(topic, data) {
      world.published.push({ topic, data })
    },
    async invoke(route: RouteContract, input?: { body?: unknown }) {
      world.calls.push(route.id)
      if (world.failing.has(route.id)) throw new ChatError('unavailable')
      return (await answers[route.id]?.(input?.body as never)) as never
    },
    check: async () => 'ok',
    describe: async () => ({ version: '1.18.0', components: [] }),
  }
  const app = createRealtimeApp({
    version: 'test',
    logger: createLogger('realtime', process.env.LOG_LEVEL ?? 'silent'),
    clock: systemClock,
    sidecar,
    node: 'node-1',
    rateLimits: true,
    origins: ['https://elsewhere.example'],
    ...options,
  })
  const server = createServer(app.http)
  app.attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const clients: Client[] = []
  let closed = false

  async function event(contract: EventContract, data: unknown): Promise<string> {
    const answer = await fetch(`${url}/events/${contract.topic}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'e', topic: contract.topic, data }),
    })
    return `${answer.status} ${await answer.text()}`
  }

  /** Appends entries to a log without telling anyone. */
  function append(id: string, ...make: ((seq: number) => Entry)[]): Entry[] {
    const log = world.log.get(id) ?? []
    world.log.set(id, log)
    return make.map((one) => {
      const entry = one(log.length + 1)
      log.push(entry)
      if (entry.kind === 'member') {
        if (entry.change === 'added') world.members.get(id)?.add(entry.userId)
        if (entry.change === 'removed') world.members.get(id)?.delete(entry.userId)
      }
      return entry
    })
  }

  const tell = (id: string, entries: readonly Entry[]) =>
    event(messageStored, {
      conversations: [
        { conversationId: id, kind: 'group', entries, memberIds: [...(world.members.get(id) ?? [])] },
      ],
    })

  async function store({ conversations }: MessageSubmitted): Promise<void> {
    for (const { conversationId, commands } of conversations) {
      const known = (command: Command) =>
        world.log
          .get(conversationId)
          ?.some((e) => e.kind === 'message' && e.message.clientId === command.clientId)
      const fresh = commands.filter((command) => !known(command))
      const entries = append(
        conversationId,
        ...fresh.map((c) => (seq: number) => messageEntry(conversationId, seq, c.senderId, c.clientId)),
      )
      await tell(conversationId, entries)
    }
  }

  function connect(token: string | undefined, more: Partial<ManagerOptions & SocketOptions> = {}): Client {
    const client = new Client(
      io(url, { transports: ['websocket'], auth: { token }, forceNew: true, reconnection: false, ...more }),
    )
    clients.push(client)
    return client
  }

  return {
    app,
    url,
    world,
    event,
    append,
    tell,
    connect,
    /** A conversation with these members and nothing in it yet. */
    room(id: string, ...members: string[]): ConversationId {
      world.members.set(id, new Set(members))
      return conversation(id)
    },
    async ready(token: string, more: Partial<ManagerOptions & SocketOptions> = {}): Promise<Client> {
      const client = connect(token, more)
      await client.next('ready')
      return client
    },
    message: (id: string) => (seq: number) => messageEntry(id, seq),
    member: (id: string, name: string, change: 'added' | 'removed') => (seq: number) =>
      memberEntry(id, seq, user(name), change),
    async close() {
      closed = true
      for (const client of clients) client.socket.disconnect()
      await app.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type Realtime = Awaited<ReturnType<typeof startRealtime>>

export const codeOf = (answer: { ok: boolean; error?: { code: string } }) =>
  answer.ok ? 'ok' : answer.error?.code

/** Resolves when the app has published to the topic. */
export const published = (realtime: Realtime, topic: string) =>
  eventually(topic, () => realtime.world.published.some((event) => event.topic === topic))

export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`this did not come: ${what}`)
}
