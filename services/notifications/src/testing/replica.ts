import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Entry, messageStored, type RouteContract, type UserId } from '@parley/contracts'
import { ChatError, createLogger, type DocumentStore, memoryDocumentStore, type Sidecar } from '@parley/kit'
import { createNotificationsApp } from '../app.ts'
import { createTransport } from '../push-transport.ts'
import type { SnsMessage } from '../sns.ts'
import { type TestClock, testClock } from './clock.ts'
import { type Device, type PushService, startPushService } from './push-service.ts'

/** What all replicas share, and what the other services would say. Tests change it as they go. */
export interface World {
  readonly clock: TestClock
  readonly store: DocumentStore
  readonly push: PushService
  readonly online: Set<string>
  /** Members of conversations with more than 100 of them. */
  readonly members: Map<string, string[]>
  /** Routes that fail, by id. */
  readonly failing: Set<string>
  /** Calls of other services, by the route's id. */
  readonly calls: string[]
  /** What was handed to the SNS binding. Undefined: there is no topic. */
  sns: SnsMessage[] | undefined
  close(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const clock = testClock(Date.now())
  const push = await startPushService()
  return {
    clock,
    store: memoryDocumentStore(clock),
    push,
    online: new Set(),
    members: new Map(),
    failing: new Set(),
    calls: [],
    sns: undefined,
    close: () => push[Symbol.asyncDispose](),
  }
}

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
  readonly body: any
}

/**
 * Runs before each access to the store. To throw there is to be killed there; `landed` and `lost` say what a replace
 * does whose outcome then is unknown.
 */
export type Step = (
  access: 'get' | 'getMany' | 'create' | 'replace',
  family: string,
) => 'landed' | 'lost' | undefined

export interface Replica {
  request(as: string, method: string, path: string, body?: unknown): Promise<Answer>
  subscribe(as: string, device: Device): Promise<Answer>
  /** The HTTP status: 200 done, 500 comes again. */
  stored(...conversations: unknown[]): Promise<number>
  /** Looks by itself for what is due, until it is closed. */
  start(): void
  /** All that is due has been carried out. */
  idle(): Promise<void>
  step: Step
  close(): Promise<void>
}

function answersOf({ online, members }: World): Record<string, (body: never) => unknown> {
  return {
    internalOnline: ({ userIds }: { userIds: string[] }) => ({
      userIds: userIds.filter((id) => online.has(id)),
    }),
    internalConversation({ conversationId }: { conversationId: string }) {
      const memberIds = members.get(conversationId)
      if (memberIds === undefined) throw new ChatError('conversation_not_found')
      return { memberIds }
    },
    lookUpUsers: ({ userIds }: { userIds: string[] }) => ({
      items: userIds.map((id) => ({ id, username: id, displayName: id.toUpperCase() })),
    }),
  }
}

/** The service behind a real port, pushing to the world's push service over TLS. */
export async function startReplica(world: World): Promise<Replica> {
  const answers = answersOf(world)
  const sidecar = {
    async invoke(route: RouteContract, input: { body?: never } = {}) {
      world.calls.push(route.id)
      if (world.failing.has(route.id)) throw new ChatError('unavailable')
      route.body?.parse(input.body)
      return answers[route.id]?.(input.body as never)
    },
    check: async () => 'ok',
    describe: async () => ({ version: '1.18.0', components: [] }),
    secret: async () => world.sns && 'arn:aws:sns:eu-central-1:123456789012:parley-push',
    async output(name: string, { message }: { message: string }) {
      if (name !== 'push-sns' || world.failing.has(name)) throw new ChatError('unavailable')
      world.sns?.push(JSON.parse(message))
    },
  } as unknown as Pick<Sidecar, 'invoke' | 'check' | 'describe' | 'secret' | 'output'>
  const rules = { allowLoopback: true }
  const transport = createTransport({ ...rules, clock: world.clock, ca: world.push.ca })
  let step: Step = () => undefined
  const app = createNotificationsApp({
    version: '0.0.0',
    logger: createLogger('notifications', process.env.LOG_LEVEL ?? 'silent'),
    clock: world.clock,
    store: {
      ...world.store,
      async get(family, key) {
        step('get', family.prefix)
        return world.store.get(family, key)
      },
      async getMany(family, keys) {
        step('getMany', family.prefix)
        return world.store.getMany(family, keys)
      },
      async create(family, ...rest) {
        step('create', family.prefix)
        return world.store.create(family, ...rest)
      },
      async createMany(family, items) {
        step('create', family.prefix)
        return world.store.createMany(family, items)
      },
      async replace(family, ...rest) {
        const told = step('replace', family.prefix)
        if (told === 'lost') return 'unknown'
        const outcome = await world.store.replace(family, ...rest)
        return told === 'landed' ? 'unknown' : outcome
      },
    },
    sidecar,
    verifyToken: async (token) => ({ userId: token as UserId, sessionId: 's' as never }),
    transport,
    rules,
    contact: 'mailto:push@parley.example',
  })
  await app.ready()
  const server = createServer(app.http)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const request: Replica['request'] = async (as, method, path, body) => {
    const answer = await fetch(`${origin}/api/notifications/${path}`, {
      method,
      headers: { authorization: `Bearer ${as}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  return {
    request,
    subscribe: (as, { subscription }) =>
      request(as, 'POST', 'subscriptions', { kind: 'webpush', subscription }),
    async stored(...conversations) {
      const answer = await fetch(`${origin}/events/${messageStored.topic}`, {
        method: 'POST',
        body: JSON.stringify({ id: 'e', data: { conversations } }),
      })
      await answer.arrayBuffer()
      return answer.status
    },
    start: app.start,
    idle: app.idle,
    get step() {
      return step
    },
    set step(next) {
      step = next
    },
    async close() {
      await app.stop()
      transport.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function messageOf(
  clock: TestClock,
  seq: number,
  { by = 'ann', conversationId = 'c1', text = `text ${seq}`, mentions = [] as string[] } = {},
): Entry {
  const at = new Date(clock.now()).toISOString()
  const base = { conversationId, seq, at, by }
  return {
    ...base,
    kind: 'message',
    message: {
      ...{ conversationId, seq, rev: seq, id: `m${seq}`, senderId: by, clientId: `k${seq}` },
      ...{ text, createdAt: at, mentions, reactions: [] },
    },
  } as unknown as Entry
}

export const conversationOf = (entries: readonly Entry[], memberIds?: readonly string[], more = {}) => ({
  conversationId: entries[0]?.conversationId,
  kind: 'group',
  title: 'Analysts',
  entries,
  ...(memberIds === undefined ? {} : { memberIds }),
  ...more,
})
