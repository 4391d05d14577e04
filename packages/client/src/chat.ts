import {
  type ConversationId,
  clientEvents,
  getHistory,
  login,
  logout,
  register,
  type Tokens,
  type User,
  type UserId,
} from '@parley/contracts'
import type { Chat, ChatEvents, ChatOptions, NewMessage, Sending } from './api.ts'
import { createConnection } from './connection.ts'
import { createEmitter } from './emitter.ts'
import { asParleyError, ParleyError } from './errors.ts'
import { type Call, createCall, createRequest } from './http.ts'
import { insist } from './insist.ts'
import { newId } from './new-id.ts'
import type { OutboxItem } from './outbox.ts'
import { createOutboxStorage } from './outbox-storage.ts'
import { lockedExclusive, memoryStorage, systemClock } from './ports.ts'
import { createReadMarkers } from './read-markers.ts'
import { createRequests } from './requests.ts'
import { resync } from './resync.ts'
import { createSender, type SendAnswer } from './sender.ts'
import { createServerEvents } from './server-events.ts'
import { createSession } from './session.ts'
import { socketIo } from './socket-io.ts'
import { createStreams, getEntriesLeniently } from './streams.ts'
import { createTyping } from './typing.ts'

const defaultRequestTimeoutMs = 15_000
const defaultAckTimeoutMs = 40_000
/** A page that was read before the stream began is read again; the next one is newer than that. */
const pageTries = 3

export function createChat(options: ChatOptions): Chat {
  const { clock = systemClock, random = Math.random, storage = memoryStorage(), prefix = 'parley' } = options
  const ackTimeoutMs = options.ackTimeoutMs ?? defaultAckTimeoutMs
  const events = createEmitter<ChatEvents>()
  const onError = (error: ParleyError) => events.emit('error', error)
  const requests = createRequests({ clock })
  const request = createRequest({
    url: options.url,
    fetch: options.fetch ?? ((...call) => fetch(...call)),
    clock,
    timeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
  })
  const session = createSession({
    request,
    storage,
    clock,
    newId,
    exclusive: options.exclusive ?? (options.storage ? lockedExclusive() : (_, task) => task()),
    key: `${prefix}.session`,
    onEnded: (reason) => ended(reason),
  })
  const call: Call = createCall({ request, session, onRevoked: (code) => ended(code) })
  const isMe = (userId: UserId) => userId === session.current()?.user.id

  const streams = createStreams({
    clock,
    random,
    fetchEntries: (conversationId, after, limit) =>
      call(getEntriesLeniently, { params: { conversationId }, query: { after, limit } }),
    onEntry(entry) {
      if (entry.kind === 'message') {
        typing.heard(entry.conversationId, entry.message.senderId, false)
        if (isMe(entry.message.senderId)) sender.stored(entry.message)
      }
      events.emit('entry', entry)
    },
    onReset: (conversationId, head) => events.emit('reset', { conversationId, head }),
    onGone: (conversationId) => events.emit('conversation:removed', { conversationId }),
    onError,
  })

  const sender = createSender({
    clock,
    random,
    storage: createOutboxStorage(storage, `${prefix}.outbox`),
    newId,
    send: sendNow,
    onChanged: (conversationId) => events.emit('outbox', conversationId),
    onStored: (message) => events.emit('stored', message),
    onFailed: (item) => events.emit('failed', item),
  })

  const readMarkers = createReadMarkers({
    ask: (conversationId, seq) => requests.ask('conversation:read', { conversationId, seq }, ackTimeoutMs),
    onRead: (read) => events.emit('read', read),
    onError,
  })

  const typing = createTyping({
    clock,
    say: (conversationId, active) =>
      requests.tell(active ? 'typing:start' : 'typing:stop', { conversationId }),
    onChanged: (conversationId, userIds) => events.emit('typing', { conversationId, userIds }),
  })

  const receive = createServerEvents(
    {
      entry: streams.receive,
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
        if (!isMe(userId)) typing.heard(conversationId, userId, active)
      },
      presence: (data) => events.emit('presence', data),
      'conversation:added': (data) => events.emit('conversation:added', data),
      'conversation:removed': ({ conversationId }) => removed(conversationId),
      'session:revoked': ({ reason }) => ended(reason),
    },
    onError,
  )

  const connection = createConnection({
    open: options.openSocket ?? socketIo(options.url),
    accessToken: (wanted) => session.accessToken(wanted),
    clock,
    random,
    onState: (state) => events.emit('connection', state),
    onUp(socket) {
      requests.open(socket)
      sender.online()
      whileConnected(catchUp)
      whileConnected(watch)
    },
    onDown() {
      requests.close()
      sender.offline()
      readMarkers.offline()
      typing.clear()
    },
    onEvent: receive,
    onRefused(code = 'network', message) {
      onError(new ParleyError(code as ParleyError['code'], message))
      if (code === 'session_revoked') ended(code)
    },
    isFinal: (error) => asParleyError(error).code === 'signed_out',
  })

  let watched: readonly UserId[] = []

  async function sendNow({ conversationId, draft }: OutboxItem): Promise<SendAnswer> {
    try {
      const { message } = await requests.ask('message:send', { conversationId, ...draft }, ackTimeoutMs)
      return { ok: true, message }
    } catch (error) {
      const { code, message, retryAfterMs } = asParleyError(error)
      // An ack that nobody can read leaves the outcome unknown: the repeat answers with the original.
      const known = code === 'bad_answer' ? 'network' : code
      return { ok: false, code: known, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    }
  }

  function whileConnected(task: () => Promise<void>): void {
    const generation = requests.generation()
    void insist(task, { clock, random, onError, wanted: () => requests.generation() === generation })
  }

  async function catchUp(): Promise<void> {
    const cursors = streams.cursors()
    const synced = await resync(requests, cursors)
    for (const { id, head, reset } of synced.conversations) {
      if (reset && (cursors.get(id) ?? 0) > head) {
        readMarkers.forget(id)
        streams.rewind(id, head)
      } else if (reset) streams.reset(id, head)
      else streams.head(id, head)
    }
    for (const conversationId of synced.gone) removed(conversationId)
    events.emit('synced', synced)
    readMarkers.online()
  }

  async function watch(): Promise<void> {
    if (watched.length === 0) return
    const { items } = await requests.ask('presence:watch', { userIds: [...watched] }, ackTimeoutMs)
    for (const item of items) events.emit('presence', item)
  }

  async function history(
    conversationId: ConversationId,
    { before, limit, signal }: Parameters<Chat['history']>[1] = {},
  ) {
    for (let tries = 0; tries < pageTries; tries++) {
      const query = { ...(before !== undefined && { before }), ...(limit !== undefined && { limit }) }
      const page = await call(getHistory, { params: { conversationId }, query }, signal ? { signal } : {})
      if (before !== undefined || streams.follow(conversationId, page.asOf)) return page
    }
    throw new ParleyError('unavailable', 'The history page is older than what was delivered')
  }

  function send(conversationId: ConversationId, { clientId = newId(), ...message }: NewMessage): Sending {
    const whole = clientEvents['message:send'].payload.safeParse({ ...message, conversationId, clientId })
    if (!whole.success) throw new ParleyError('invalid_body', whole.error.message, { cause: whole.error })
    const { conversationId: _, ...draft } = whole.data
    typing.stopped(conversationId)
    return { clientId, stored: sender.queue(conversationId, draft) }
  }

  function removed(conversationId: ConversationId): void {
    streams.forget(conversationId)
    events.emit('conversation:removed', { conversationId })
  }

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

  async function leave(): Promise<void> {
    const farewell = call(logout).catch(() => undefined)
    connection.disconnect()
    await farewell
    const already = session.current() === undefined
    session.end()
    stop({ forget: true })
    if (!already) events.emit('signedOut', { reason: 'logout' })
  }

  const device = options.device === undefined ? {} : { device: options.device }
  const owner = session.current()?.user
  if (owner) sender.restore(owner.id)
  return {
    url: options.url,
    user: () => session.current()?.user,
    connection: () => connection.state(),
    on: events.on,
    register: async (account) => begin(await request(register, { body: { ...account, ...device } })),
    login: async (credentials) => begin(await request(login, { body: { ...credentials, ...device } })),
    logout: leave,
    call,
    connect: connection.connect,
    disconnect: connection.disconnect,
    networkChanged: (online) => (online ? connection.nudge() : connection.drop()),
    send,
    outbox: sender.items,
    outboxSize: sender.size,
    retry: sender.retry,
    discard: sender.discard,
    history,
    follow: (conversationId, after) => void streams.follow(conversationId, after),
    cursor: streams.cursor,
    markRead: readMarkers.mark,
    pressedKey: typing.pressed,
    typing: typing.who,
    watchPresence(userIds) {
      watched = [...new Set(userIds)]
      if (connection.state().status === 'online') whileConnected(watch)
    },
  }
}
