import {
  type AnswerBodyOf,
  type Conversation,
  type ConversationId,
  clientEvents,
  type Draft,
  type Entry,
  login,
  logout,
  type Message,
  type Presence,
  type RouteContract,
  register,
  type ServerEventName,
  type ServerPayload,
  serverEvents,
  type Tokens,
  type User,
  type UserId,
} from '@parley/contracts'
import { type ConnectionState, createConnection } from './connection.ts'
import { createEmitter } from './emitter.ts'
import { asParleyError, ParleyError } from './errors.ts'
import { type CallInput, createRequest } from './http.ts'
import type { OutboxItem } from './outbox.ts'
import {
  type Clock,
  type Exclusive,
  memoryStorage,
  type OpenSocket,
  type Storage,
  systemClock,
} from './ports.ts'
import { createReadMarkers } from './read-markers.ts'
import { createRequests } from './requests.ts'
import { resync, type Synced } from './resync.ts'
import { createSender, type SendAnswer } from './sender.ts'
import { createSession } from './session.ts'
import { socketIo } from './socket-io.ts'
import { createStreams, getEntriesLeniently } from './streams.ts'
import { createTyping } from './typing.ts'

export interface ChatOptions {
  /** Where the gateway is, such as `http://localhost:8080`. In a browser: `location.origin`. */
  readonly url: string
  /** Keeps tokens and unsent messages. Default: memory. */
  readonly storage?: Storage
  /** Prefix of the keys in the storage. Default: `parley`. */
  readonly prefix?: string
  /** `navigator.locks` in a browser, where tabs share the storage. Default: no other tab. */
  readonly exclusive?: Exclusive
  /** Shown in the list of sessions. */
  readonly device?: string
  readonly clock?: Clock
  /** 0 ≤ random < 1. */
  readonly random?: () => number
  readonly fetch?: typeof fetch
  readonly openSocket?: OpenSocket
  /** For one HTTP request. Default: 15,000. */
  readonly requestTimeoutMs?: number
  /** For one acknowledgement. A server answers within 30 s; default: 40,000. */
  readonly ackTimeoutMs?: number
}

/** What `send` takes: `clientId` is made where it is missing. */
export type NewMessage = Omit<Draft, 'clientId'> & { readonly clientId?: string }

export interface Sending {
  readonly clientId: string
  /** The stored message; rejects where it was refused for good (`ParleyError`), never for a lost connection. */
  readonly stored: Promise<Message>
}

export interface ChatEvents {
  connection: ConnectionState
  /** In `seq` order per conversation, each once, without a hole; `reset` tells the only exception. */
  entry: Entry
  /** One of my messages is stored, as an ack or its entry says, whichever is first. */
  stored: Message
  /** A message was refused for good: it stays in the outbox until `retry` or `discard`. */
  failed: OutboxItem
  /** The unsent messages of this conversation changed. */
  outbox: ConversationId
  /** Too much was missed: load the newest page again; entries go on after `head`. */
  reset: { readonly conversationId: ConversationId; readonly head: number }
  /** After each (re)connection: where every conversation stands. */
  synced: Synced
  'conversation:added': { readonly conversation: Conversation }
  'conversation:removed': { readonly conversationId: ConversationId }
  /** How far I have read, here or on another device. */
  read: ReadState
  receipt: ServerPayload<'receipt'>
  presence: Presence
  typing: { readonly conversationId: ConversationId; readonly userIds: readonly UserId[] }
  signedIn: User
  /** `reason`: a code such as `refresh_expired`, or what the server said when it ended the session. */
  signedOut: { readonly reason: string }
  /** What went wrong where nobody waits for an answer: a bad event, a refused handshake. Nothing stops for it. */
  error: ParleyError
}

/** `mentions` is missing where the server told only the unread count. */
export interface ReadState {
  readonly conversationId: ConversationId
  readonly readSeq: number
  readonly unread: number
  readonly mentions?: number
}

/** One person, one connection. Every promise that rejects, rejects with `ParleyError`. */
export interface Chat {
  readonly url: string
  /** Who is signed in. */
  user(): User | undefined
  connection(): ConnectionState
  /** Returns the function that ends the listening. */
  on<E extends keyof ChatEvents>(event: E, listener: (payload: ChatEvents[E]) => void): () => void

  /** Errors: `username_taken`, `invalid_body`, `rate_limited`. */
  register(account: { username: string; password: string; displayName?: string }): Promise<User>
  /** Errors: `bad_credentials`, `totp_required`, `rate_limited`. */
  login(credentials: { username: string; password: string; totp?: string }): Promise<User>
  /** Ends the session here and on the server, and forgets what is unsent. Never rejects. */
  logout(): Promise<void>
  /** Calls any route of the contracts with the access token, refreshed where it must be. */
  call<R extends RouteContract>(
    route: R,
    input?: CallInput<R>,
    options?: { signal?: AbortSignal },
  ): Promise<AnswerBodyOf<R>>

  /** Connects and stays connected, until `disconnect`. */
  connect(): void
  disconnect(): void
  /** The platform says that the network is back, or gone. */
  networkChanged(online: boolean): void

  /**
   * Sends when it can: now, after a reconnection or, with a storage that lasts, after a reload. Messages of one
   * conversation are stored in the order of these calls, each once.
   */
  send(conversationId: ConversationId, message: NewMessage): Sending
  /** What is not stored yet, in order: waiting, sent or failed. */
  outbox(conversationId: ConversationId): readonly OutboxItem[]
  outboxSize(): number
  retry(clientId: string): void
  discard(clientId: string): void

  /**
   * Deliver the entries of this conversation after this seq, if it is not followed yet. A conversation that nobody
   * asked for is followed from where it stood when the connection was made.
   */
  follow(conversationId: ConversationId, after: number): void
  /** The seq up to which entries were delivered. */
  cursor(conversationId: ConversationId): number | undefined
  /** I have seen everything up to this seq. Told now or after a reconnection; never moves back. */
  markRead(conversationId: ConversationId, seq: number): void
  /** I pressed a key; says so at most every 3 s, and that I stopped after 4 s. */
  pressedKey(conversationId: ConversationId): void
  typing(conversationId: ConversationId): readonly UserId[]
  /** Hear of these people (at most 500), instead of those before. Lasts over reconnections. */
  watchPresence(userIds: readonly UserId[]): void
}

const requestTimeoutMs = 15_000
const ackTimeoutMs = 40_000
const syncPauseMs = 1_000

export function createChat(options: ChatOptions): Chat {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const storage = options.storage ?? memoryStorage()
  const prefix = options.prefix ?? 'parley'
  const events = createEmitter<ChatEvents>()
  const requests = createRequests({ clock })
  const request = createRequest({
    url: options.url,
    fetch: options.fetch ?? ((...call) => fetch(...call)),
    clock,
    timeoutMs: options.requestTimeoutMs ?? requestTimeoutMs,
  })
  let watched: readonly UserId[] = []

  const session = createSession({
    request,
    storage,
    clock,
    exclusive: options.exclusive ?? ((_, task) => task()),
    key: `${prefix}.session`,
    onEnded: (reason) => ended(reason),
  })

  const streams = createStreams({
    clock,
    random,
    fetchEntries: (conversationId, after, limit) =>
      chat.call(getEntriesLeniently, { params: { conversationId }, query: { after, limit } }),
    onEntry(entry) {
      if (entry.kind === 'message') {
        typing.heard(entry.conversationId, entry.message.senderId, false)
        if (entry.message.senderId === session.current()?.user.id) sender.stored(entry.message)
      }
      events.emit('entry', entry)
    },
    onReset: (conversationId, head) => events.emit('reset', { conversationId, head }),
    onGone: (conversationId) => events.emit('conversation:removed', { conversationId }),
    onError: (error) => events.emit('error', error),
  })

  const sender = createSender({
    clock,
    random,
    storage,
    newId,
    prefix: `${prefix}.outbox`,
    send: sendNow,
    onChanged: (conversationId) => events.emit('outbox', conversationId),
    onStored: (message) => events.emit('stored', message),
    onFailed: (item) => events.emit('failed', item),
  })

  const readMarkers = createReadMarkers({
    ask: (conversationId, seq) =>
      requests.ask('conversation:read', { conversationId, seq }, options.ackTimeoutMs ?? ackTimeoutMs),
    onRead: (read) => events.emit('read', read),
    onError: (error) => events.emit('error', error),
  })

  const typing = createTyping({
    clock,
    say: (conversationId, active) =>
      requests.tell(active ? 'typing:start' : 'typing:stop', { conversationId }),
    onChanged: (conversationId, userIds) => events.emit('typing', { conversationId, userIds }),
  })

  const connection = createConnection({
    open: options.openSocket ?? socketIo(options.url),
    accessToken: (wanted) => session.accessToken(wanted),
    clock,
    random,
    onState: (state) => events.emit('connection', state),
    onUp(socket) {
      requests.open(socket)
      sender.online()
      void catchUp()
      void watch()
    },
    onDown() {
      requests.close()
      sender.offline()
      readMarkers.offline()
      typing.clear()
    },
    onEvent: receive,
    onRefused: (code, message) =>
      events.emit('error', new ParleyError((code ?? 'network') as ParleyError['code'], message)),
    isFinal: (error) => asParleyError(error).code === 'signed_out',
  })

  function receive(name: string, payload: unknown): void {
    // Entries are parsed by their stream, which must keep the place of one that it cannot read.
    if (name === 'entry') streams.receive(payload)
    if (name === 'entry' || !(name in serverEvents)) return
    const parsed = serverEvents[name as ServerEventName].safeParse(payload)
    if (!parsed.success) {
      events.emit('error', new ParleyError('bad_answer', `${name}: ${parsed.error.message}`))
      return
    }
    const handler = handlers[name as keyof typeof handlers] as ((data: unknown) => void) | undefined
    handler?.(parsed.data)
  }

  const handlers: {
    [E in Exclude<ServerEventName, 'entry' | 'ready' | 'draining'>]: (data: ServerPayload<E>) => void
  } = {
    heads(heads) {
      for (const [id, head] of Object.entries(heads)) {
        // A head alone is no reason to follow a conversation: sync and the list say where to begin.
        if (streams.cursor(id as ConversationId) !== undefined) streams.head(id as ConversationId, head)
      }
    },
    receipt: (data) => events.emit('receipt', data),
    read(data) {
      readMarkers.heard(data.conversationId, data.readSeq)
      events.emit('read', data)
    },
    typing({ conversationId, userId, active }) {
      if (userId !== session.current()?.user.id) typing.heard(conversationId, userId, active)
    },
    presence: (data) => events.emit('presence', data),
    'conversation:added': (data) => events.emit('conversation:added', data),
    'conversation:removed'({ conversationId }) {
      streams.forget(conversationId)
      events.emit('conversation:removed', { conversationId })
    },
    'session:revoked': ({ reason }) => ended(reason),
  }

  async function sendNow({ conversationId, draft }: OutboxItem): Promise<SendAnswer> {
    try {
      const timeoutMs = options.ackTimeoutMs ?? ackTimeoutMs
      const { message } = await requests.ask('message:send', { conversationId, ...draft }, timeoutMs)
      return { ok: true, message }
    } catch (error) {
      const { code, message, retryAfterMs } = asParleyError(error)
      // An ack that nobody can read leaves the outcome unknown: the repeat answers with the original.
      const known = code === 'bad_answer' ? 'network' : code
      return { ok: false, code: known, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    }
  }

  /** Runs `task` while this connection lasts, again after a pause where it failed for a reason that may pass. */
  async function insist(task: () => Promise<void>): Promise<void> {
    const opened = requests.generation()
    for (let tries = 0; ; tries++) {
      try {
        return await task()
      } catch (error) {
        if (requests.generation() !== opened) return
        const failure = asParleyError(error)
        if (!failure.retryable) return events.emit('error', failure)
        const pause = Math.max(failure.retryAfterMs ?? 0, syncPauseMs * 2 ** Math.min(tries, 4))
        await new Promise<void>((resolve) => clock.setTimeout(resolve, pause * (1 + random() / 4)))
        if (requests.generation() !== opened) return
      }
    }
  }

  const catchUp = () =>
    insist(async () => {
      const synced = await resync(requests, streams.cursors())
      for (const { id, head, reset } of synced.conversations) {
        if (reset) streams.reset(id, head)
        else streams.head(id, head)
      }
      for (const conversationId of synced.gone) {
        streams.forget(conversationId)
        events.emit('conversation:removed', { conversationId })
      }
      events.emit('synced', synced)
      readMarkers.online()
    })

  const watch = () =>
    insist(async () => {
      if (watched.length === 0) return
      const { items } = await requests.ask('presence:watch', { userIds: [...watched] }, ackTimeoutMs)
      for (const item of items) events.emit('presence', item)
    })

  function begin(tokens: Tokens): User {
    connection.disconnect()
    stop({ forget: false })
    session.start(tokens)
    sender.restore(tokens.user.id)
    events.emit('signedIn', tokens.user)
    return tokens.user
  }

  function ended(reason: string): void {
    session.end()
    connection.end(reason)
    stop({ forget: false })
    events.emit('signedOut', { reason })
  }

  function stop(how: { forget: boolean }): void {
    streams.clear()
    sender.clear(how)
    readMarkers.clear()
    typing.clear()
    watched = []
  }

  const device = options.device === undefined ? {} : { device: options.device }
  const chat: Chat = {
    url: options.url,
    user: () => session.current()?.user,
    connection: () => connection.state(),
    on: events.on,
    register: async (account) => begin(await request(register, { body: { ...account, ...device } })),
    login: async (credentials) => begin(await request(login, { body: { ...credentials, ...device } })),
    async logout() {
      const farewell = chat.call(logout).catch(() => undefined)
      connection.disconnect()
      await farewell
      session.end()
      stop({ forget: true })
      events.emit('signedOut', { reason: 'logout' })
    },
    async call(route, input, callOptions = {}) {
      const token = await session.accessToken()
      try {
        return await request(route, input, { ...callOptions, token })
      } catch (error) {
        const { code } = asParleyError(error)
        if (code === 'session_revoked') ended(code)
        if (code !== 'token_expired' && code !== 'token_invalid') throw error
        const fresh = await session.accessToken({ instead: token })
        return request(route, input, { ...callOptions, token: fresh })
      }
    },
    connect: connection.connect,
    disconnect: connection.disconnect,
    networkChanged: (online) => (online ? connection.nudge() : connection.drop()),
    send(conversationId, { clientId = newId(), ...message }) {
      const draft = clientEvents['message:send'].payload.safeParse({ ...message, conversationId, clientId })
      if (!draft.success) throw new ParleyError('invalid_body', draft.error.message, { cause: draft.error })
      const { conversationId: _, ...checked } = draft.data
      typing.stopped(conversationId)
      return { clientId, stored: sender.queue({ conversationId, draft: checked }) }
    },
    outbox: sender.items,
    outboxSize: sender.size,
    retry: sender.retry,
    discard: sender.discard,
    follow: streams.follow,
    cursor: streams.cursor,
    markRead: readMarkers.mark,
    pressedKey: typing.pressed,
    typing: typing.who,
    watchPresence(userIds) {
      watched = [...new Set(userIds)]
      if (connection.state().status === 'online') void watch()
    },
  }
  const owner = session.current()?.user
  if (owner) sender.restore(owner.id)
  return chat
}

/** 120 random bits. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(15))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
