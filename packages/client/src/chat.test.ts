import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import {
  addMembers,
  type ConversationId,
  createConversation,
  type Entry,
  getHistory,
  type UserId,
} from '@parley/contracts'
import type { Chat, ChatEvents, ChatOptions } from './api.ts'
import { createChat } from './chat.ts'
import { ParleyError } from './errors.ts'
import { memoryStorage } from './ports.ts'
import { seededRandom } from './testing/random.ts'
import { type StandIn, startStandIn } from './testing/stand-in.ts'

let server: StandIn
const chats: Chat[] = []
before(async () => {
  server = await startStandIn()
})
// Whoever stays connected would refresh, reconnect and be counted in the tests that follow.
afterEach(() => {
  server.faults = {}
  for (const chat of chats.splice(0)) chat.disconnect()
})
after(() => server.close())

const deadlineMs = 60_000
/** Resolves with the first payload of this event that fits. */
function next<E extends keyof ChatEvents>(
  chat: Chat,
  event: E,
  fits: (payload: ChatEvents[E]) => boolean = () => true,
): Promise<ChatEvents[E]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} that fits`)), deadlineMs)
    const off = chat.on(event, (payload) => {
      if (!fits(payload)) return
      clearTimeout(timer)
      off()
      resolve(payload)
    })
  })
}

let people = 0
async function join(options: Partial<ChatOptions> = {}): Promise<Chat & { id: UserId; got: Entry[] }> {
  // No jitter: a reconnection takes 50 ms.
  const chat = createChat({ url: server.url, random: () => 0, ...options })
  chats.push(chat)
  const { id } = await chat.register({ username: `person${++people}`, password: 'correct horse' })
  const got: Entry[] = []
  chat.on('entry', (entry) => got.push(entry))
  const synced = next(chat, 'synced')
  chat.connect()
  await synced
  return Object.assign(chat, { id, got })
}

async function pair(options?: Partial<ChatOptions>) {
  const [ada, bob] = await Promise.all([join(options), join(options)])
  const added = next(bob, 'conversation:added')
  const { id } = await ada.call(createConversation, { body: { kind: 'group', memberIds: [bob.id] } })
  await added
  const start = server.log(id).length
  for (const chat of [ada, bob]) chat.follow(id, start)
  return { ada, bob, id, start }
}

const seqs = (entries: readonly Entry[], after: number) =>
  entries.map(({ seq }) => seq).filter((seq) => seq > after)
const from1 = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
const texts = (entries: readonly Entry[]) =>
  entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message.text] : []))
const reached = (chat: Chat, id: ConversationId, seq: number) =>
  chat.cursor(id) === seq
    ? Promise.resolve()
    : next(chat, 'entry', (entry) => entry.conversationId === id && entry.seq === seq)

test('a message is acknowledged, and comes to both sides once', async () => {
  const { ada, bob, id } = await pair()
  const heard = next(bob, 'entry', (entry) => entry.kind === 'message')
  const { clientId, stored } = ada.send(id, { text: 'hello' })
  const message = await stored
  assert.equal(message.clientId, clientId)
  assert.equal(message.text, 'hello')
  await heard
  await reached(ada, id, message.seq)
  assert.deepEqual(texts(bob.got), ['hello'])
  assert.deepEqual(texts(ada.got), ['hello'])
  assert.deepEqual(ada.outbox(id), [])
})

test('entries that are lost, doubled and late are delivered once each, in order', async () => {
  const { ada, bob, id, start } = await pair()
  const random = seededRandom(7)
  server.faults = {
    deliver: () => (['now', 'lost', 'doubled', 'late'] as const)[Math.floor(random() * 4)] ?? 'now',
  }
  const sent = from1(120).map((each) => ada.send(id, { text: `m${each}` }))
  await Promise.all(sent.map(({ stored }) => stored))
  server.faults = {}
  server.tellHeads()
  const last = server.log(id).length
  await Promise.all([reached(ada, id, last), reached(bob, id, last)])
  for (const chat of [ada, bob]) {
    assert.deepEqual(seqs(chat.got, start), from1(last).slice(start))
    assert.deepEqual(
      texts(chat.got),
      from1(120).map((each) => `m${each}`),
    )
  }
})

test('cut connections, refused and unanswered sends: all stored once, in the order of sending', async () => {
  const { ada, bob, id, start } = await pair({ ackTimeoutMs: 400 })
  const random = seededRandom(11)
  const cuts = { before: 0, after: 0 }
  server.faults = {
    send() {
      const dice = random()
      if (dice < 0.02 && cuts.before++ < 4) return { cut: true }
      if (dice < 0.04 && cuts.after++ < 4) return { cut: true, stored: true }
      if (dice < 0.06) return { refused: 'rate_limited', retryAfterMs: 20 }
      if (dice < 0.07) return { refused: 'unavailable', retryAfterMs: 20, stored: true }
      return dice < 0.08 ? { refused: 'overloaded', retryAfterMs: 30 } : undefined
    },
    deliver: () => (random() < 0.05 ? 'lost' : 'now'),
  }
  const sent = from1(150).map((each) => ada.send(id, { text: `m${each}` }))
  const messages = await Promise.all(sent.map(({ stored }) => stored))
  server.faults = {}
  assert.ok(cuts.before > 0 && cuts.after > 0)
  const expected = from1(150).map((each) => `m${each}`)
  assert.deepEqual(texts(server.log(id)), expected)
  assert.deepEqual(
    messages.map(({ text }) => text),
    expected,
  )
  const last = server.log(id).length
  server.tellHeads()
  await Promise.all([reached(ada, id, last), reached(bob, id, last)])
  assert.deepEqual(seqs(bob.got, start), from1(last).slice(start))
  assert.deepEqual(texts(bob.got), expected)
})

test('what came while away is there after the reconnection, without a word of mine', async () => {
  const { ada, bob, id } = await pair()
  bob.disconnect()
  await ada.send(id, { text: 'while you were out' }).stored
  const synced = next(bob, 'synced')
  bob.connect()
  await Promise.all([synced, reached(bob, id, server.log(id).length)])
  assert.deepEqual(texts(bob.got), ['while you were out'])
})

test('messages written offline wait, in order, and survive a reload', async () => {
  const storage = memoryStorage()
  const first = await join({ storage })
  const { id } = await first.call(createConversation, { body: { kind: 'group', memberIds: [] } })
  first.disconnect()
  for (const text of ['one', 'two', 'three']) first.send(id, { text })
  assert.deepEqual(
    first.outbox(id).map(({ state }) => state),
    ['waiting', 'waiting', 'waiting'],
  )

  const reloaded = createChat({ url: server.url, storage, random: () => 0 })
  chats.push(reloaded)
  assert.equal(reloaded.user()?.id, first.id)
  assert.equal(reloaded.outboxSize(), 3)
  const third = next(reloaded, 'stored', ({ text }) => text === 'three')
  reloaded.connect()
  await third
  assert.deepEqual(texts(server.log(id)), ['one', 'two', 'three'])
  assert.equal(reloaded.outboxSize(), 0)
  assert.deepEqual(storage.keys('parley.outbox'), [])
})

test('the same client id twice is one message', async () => {
  const { ada, id } = await pair()
  const first = ada.send(id, { text: 'once', clientId: 'twice' })
  const second = ada.send(id, { text: 'once', clientId: 'twice' })
  assert.deepEqual(await first.stored, await second.stored)
  assert.deepEqual(texts(server.log(id)), ['once'])
})

test('a history page and the entries after it leave nothing out', async () => {
  const { ada, bob, id } = await pair()
  await ada.send(id, { text: 'one' }).stored
  const { items, asOf } = await bob.history(id)
  assert.deepEqual(
    items.map(({ text }) => text),
    ['one'],
  )
  await ada.send(id, { text: 'two' }).stored
  await reached(bob, id, asOf + 1)
  assert.equal(texts(bob.got).at(-1), 'two')
})

test('a history page that was read before the entries begin is read again', async () => {
  const { ada, bob, id } = await pair()
  bob.disconnect()
  let stale: Response | undefined
  const late = await join({
    storage: memoryStorage(),
    fetch: async (input, init) => {
      const answer = await fetch(input, init)
      if (!String(input).includes('/messages')) return answer
      if (stale) return answer
      stale = answer.clone()
      // Before the page arrives, one more message is stored, and the connection begins after it.
      await ada.send(id, { text: 'between' }).stored
      const synced = next(late, 'synced')
      late.disconnect()
      late.connect()
      await synced
      return stale
    },
  })
  await ada.call(addMembers, { params: { conversationId: id }, body: { userIds: [late.id] } })
  late.disconnect()
  await late.login({ username: late.user()?.username ?? '', password: 'correct horse' })
  const page = await late.history(id)
  assert.ok(stale)
  assert.deepEqual(
    page.items.map(({ text }) => text),
    ['between'],
  )
})

test('a message that is refused for good fails, can be sent again, and holds up nobody', async () => {
  const { ada, id } = await pair()
  let refusals = 1
  server.faults = {
    send: (text) => (text === 'bad' && refusals-- > 0 ? { refused: 'forbidden' } : undefined),
  }
  const bad = ada.send(id, { text: 'bad' })
  const good = ada.send(id, { text: 'good' })
  await assert.rejects(bad.stored, (error) => error instanceof ParleyError && error.code === 'forbidden')
  await good.stored
  assert.deepEqual(
    ada.outbox(id).map(({ state, error }) => [state, error?.code]),
    [['failed', 'forbidden']],
  )
  const stored = next(ada, 'stored')
  ada.retry(bad.clientId)
  assert.notEqual((await stored).clientId, bad.clientId)
  assert.deepEqual(texts(server.log(id)), ['good', 'bad'])
  server.faults = {}
})

test('too far behind: a reset instead of entries, and the stream goes on', async () => {
  const { ada, bob, id } = await pair()
  bob.disconnect()
  for (const text of ['a', 'b', 'c']) await ada.send(id, { text }).stored
  server.raiseFloor(id, server.log(id).length - 1)
  const reset = next(bob, 'reset')
  bob.connect()
  assert.deepEqual(await reset, { conversationId: id, head: server.log(id).length })
  await ada.send(id, { text: 'd' }).stored
  await reached(bob, id, server.log(id).length)
  assert.deepEqual(texts(bob.got), ['d'])
})

test('a log that was restored from a backup begins anew where it ends', async () => {
  const { ada, bob, id } = await pair()
  for (const text of ['a', 'b', 'c']) await ada.send(id, { text }).stored
  const head = server.log(id).length
  await reached(bob, id, head)
  bob.markRead(id, head)
  await next(bob, 'read')
  bob.got.length = 0
  const reset = next(bob, 'reset')
  server.cut()
  server.restore(id, head - 2)
  assert.deepEqual(await reset, { conversationId: id, head: head - 2 })
  await ada.send(id, { text: 'd' }).stored
  await reached(bob, id, head - 1)
  assert.deepEqual(texts(bob.got), ['d'])
  bob.markRead(id, head - 1)
  assert.equal((await next(bob, 'read')).readSeq, head - 1)
})

test('a gap beyond what is kept is a reset too', async () => {
  const { ada, bob, id } = await pair()
  server.faults = { deliver: () => 'lost' }
  for (const text of ['a', 'b', 'c']) await ada.send(id, { text }).stored
  server.raiseFloor(id, server.log(id).length - 1)
  server.faults = {}
  const reset = next(bob, 'reset')
  server.tellHeads()
  assert.equal((await reset).head, server.log(id).length)
})

test('an expired access token is refreshed once, however many ask, and the socket too', async () => {
  const { ada, bob, id } = await pair()
  bob.disconnect()
  server.expireTokens()
  const earlier = server.requests('refresh')
  const history = () => ada.call(getHistory, { params: { conversationId: id }, query: { limit: 10 } })
  await Promise.all([history(), history(), history()])
  assert.equal(server.requests('refresh'), earlier + 1)

  server.expireTokens()
  const synced = next(ada, 'synced')
  server.cut()
  await synced
  assert.equal(server.requests('refresh'), earlier + 2)
})

test('a handshake that the server refuses for good ends the session', async () => {
  const chat = createChat({
    url: server.url,
    openSocket(_token, handlers) {
      queueMicrotask(() => handlers.refused('session_revoked', 'ended elsewhere'))
      return { emit: () => undefined, close: () => undefined }
    },
  })
  chats.push(chat)
  await chat.register({ username: `person${++people}`, password: 'correct horse' })
  const out = next(chat, 'signedOut')
  chat.connect()
  assert.deepEqual(await out, { reason: 'session_revoked' })
  assert.deepEqual(chat.connection(), { status: 'ended', reason: 'session_revoked' })
  assert.equal(chat.user(), undefined)
})

test('two tabs that share the storage do not use one refresh token twice', async () => {
  const storage = memoryStorage()
  const locks = new Map<string, Promise<unknown>>()
  const exclusive = <T>(name: string, task: () => Promise<T>): Promise<T> => {
    const run = (locks.get(name) ?? Promise.resolve()).then(task, task)
    locks.set(name, run)
    return run
  }
  const first = await join({ storage, exclusive })
  const second = createChat({ url: server.url, storage, exclusive })
  chats.push(second)
  const { id } = await first.call(createConversation, { body: { kind: 'group', memberIds: [] } })
  server.expireTokens()
  const earlier = server.requests('refresh')
  const history = (chat: Chat) => chat.call(getHistory, { params: { conversationId: id }, query: {} })
  await Promise.all([history(first), history(second)])
  assert.equal(server.requests('refresh'), earlier + 1)
})

test('a session that the server ends is over: signed out, no reconnection', async () => {
  const ada = await join()
  const out = next(ada, 'signedOut')
  server.faults = { http: (route) => (route === 'refresh' ? 'refresh_reused' : undefined) }
  server.expireTokens()
  server.cut()
  assert.deepEqual(await out, { reason: 'refresh_reused' })
  assert.equal(ada.connection().status, 'ended')
  assert.equal(ada.user(), undefined)
  await assert.rejects(ada.call(getHistory), (error) => (error as ParleyError).code === 'signed_out')
  server.faults = {}
})

test('read markers are told to my other devices', async () => {
  const { ada, bob, id } = await pair()
  const { seq } = await ada.send(id, { text: 'read me' }).stored
  const phone = createChat({ url: server.url, random: () => 0 })
  chats.push(phone)
  await phone.login({ username: bob.user()?.username ?? '', password: 'correct horse' })
  const synced = next(phone, 'synced')
  phone.connect()
  assert.equal((await synced).conversations[0]?.unread, 1)
  const read = next(phone, 'read')
  bob.markRead(id, seq)
  assert.deepEqual(await read, { conversationId: id, readSeq: seq, unread: 0, mentions: 0 })
})

test('presence and typing reach those who watch', async () => {
  const { ada, bob, id } = await pair()
  const online = next(ada, 'presence', ({ userId }) => userId === bob.id)
  ada.watchPresence([bob.id])
  assert.equal((await online).status, 'online')
  const typing = next(ada, 'typing')
  bob.pressedKey(id)
  assert.deepEqual(await typing, { conversationId: id, userIds: [bob.id] })
  const quiet = next(ada, 'typing')
  bob.send(id, { text: 'done' })
  assert.deepEqual(await quiet, { conversationId: id, userIds: [] })
  const offline = next(ada, 'presence', ({ userId, status }) => userId === bob.id && status === 'offline')
  bob.disconnect()
  await offline
})

test('a bad event is reported, and the stream goes on', async () => {
  const { ada, bob, id } = await pair()
  const error = next(bob, 'error')
  server.tell('heads', 'nonsense' as never)
  assert.equal((await error).code, 'bad_answer')
  const unknown = next(bob, 'error')
  const head = server.log(id).length
  server.tell('entry', { conversationId: id, seq: head + 1, kind: 'from the future' } as never)
  await unknown
  assert.equal(bob.cursor(id), head + 1)
  await ada.send(id, { text: 'still here' }).stored
})

test('a hundred clients in one process', async () => {
  const many = await Promise.all(from1(100).map(() => join()))
  const [first] = many
  assert.ok(first)
  const members = many.slice(1).map(({ id }) => id)
  const { id } = await first.call(createConversation, { body: { kind: 'group', memberIds: members } })
  const heard = many.map((chat) => next(chat, 'entry', (entry) => entry.kind === 'message'))
  await first.send(id, { text: 'everyone' }).stored
  await Promise.all(heard)
  for (const chat of many) chat.disconnect()
})
