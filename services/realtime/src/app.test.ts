import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import {
  conversationChanged,
  limits,
  messageRejected,
  messageStored,
  type Presence,
  presenceChanged,
  sessionRevoked,
} from '@parley/contracts'
import { messageEntry, user } from './testing/builders.ts'
import { type Client, type Realtime, startRealtime } from './testing/harness.ts'

let chat: Realtime
afterEach(() => chat.close())

const codeOf = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? 'ok' : answer.error?.code)

describe('handshake', () => {
  const refused: [string, string | undefined, Parameters<Realtime['connect']>[1], string][] = [
    ['no token', undefined, {}, 'token_missing'],
    ['an empty token', '', {}, 'token_missing'],
    ['a wrong token', 'bad', {}, 'token_invalid'],
    ['an expired token', 'old', {}, 'token_expired'],
    ['a token in the query', undefined, { query: { token: 'ann' } }, 'token_missing'],
    ['a token in the query beside a right one', 'ann', { query: { token: 'ann' } }, 'token_invalid'],
    ['another origin', 'ann', { extraHeaders: { origin: 'https://evil.example' } }, 'origin_refused'],
  ]
  for (const [name, token, more, code] of refused) {
    it(`refuses ${name}`, async () => {
      chat = await startRealtime()
      const client = chat.connect(token, more)
      assert.equal((await client.next('connect_error')).code, code)
    })
  }

  for (const origin of ['https://elsewhere.example', 'ours', undefined]) {
    it(`admits ${origin ?? 'no'} origin`, async () => {
      chat = await startRealtime()
      const extraHeaders = origin && { origin: origin === 'ours' ? chat.url : origin }
      const client = chat.connect('ann', extraHeaders ? { extraHeaders } : {})
      const ready = await client.next('ready')
      assert.deepEqual([ready.userId, ready.sessionId, ready.node], ['ann', 'ann-s1', 'node-1'])
    })
  }

  it('admits long polling', async () => {
    chat = await startRealtime()
    await chat.ready('ann', { transports: ['polling'] })
  })

  it('says unavailable where auth does not answer', async () => {
    chat = await startRealtime()
    chat.world.failing.add('validateSession')
    assert.equal((await chat.connect('ann').next('connect_error')).code, 'unavailable')
  })

  it('cuts a socket whose token has expired, in a way that the client comes back by itself', async () => {
    chat = await startRealtime()
    const client = await chat.ready('ann.s1.-59900', { reconnection: true, reconnectionDelay: 1 })
    assert.equal(await client.next('disconnect'), 'transport close')
    await client.next('ready', 2)
  })

  it('is ready only when it is in its rooms, and takes what it can meanwhile', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann')
    chat.world.failing.add('internalMemberships')
    const client = chat.connect('ann')
    await client.until('connected', () => client.socket.connected)
    assert.equal(codeOf(await client.send(room, 'c1')), 'ok')
    const syncing = client.ask('sync', { cursors: {} })
    assert.deepEqual(client.all('ready'), [])
    chat.world.failing.clear()
    await client.next('ready')
    assert.equal(codeOf(await syncing), 'ok')
  })
})

describe('sending', () => {
  it('acknowledges what is durable, with its seq, and brings it to every member, the sender too', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [ann, bob, eve] = await Promise.all([chat.ready('ann'), chat.ready('bob'), chat.ready('eve')])
    const answer = await ann.send(room, 'c1')
    assert.equal(codeOf(answer), 'ok')
    assert.equal((answer.message as { seq: number }).seq, 1)
    await Promise.all([ann.next('entry'), bob.next('entry')])
    assert.deepEqual(eve.all('entry'), [])
  })

  it('keeps the order of what is sent without waiting', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann')
    const ann = await chat.ready('ann')
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => ann.send(room, `c${i}`)))
    assert.deepEqual(
      answers.map(({ message }) => (message as { seq: number; clientId: string }).clientId),
      Array.from({ length: 30 }, (_, i) => `c${i}`),
    )
    assert.deepEqual(
      answers.map(({ message }) => (message as { seq: number }).seq),
      Array.from({ length: 30 }, (_, i) => i + 1),
    )
  })

  it('passes a refusal on', async () => {
    chat = await startRealtime()
    chat.world.storing = false
    const ann = await chat.ready('ann')
    const answer = ann.send('room', 'c1')
    await published(chat, 'message.submitted')
    const error = { code: 'conversation_not_found', message: 'no' }
    const item = { conversationId: 'room', senderId: 'ann', clientId: 'c1', error }
    await chat.event(messageRejected, { items: [item] })
    assert.deepEqual(await answer, { ok: false, error })
  })

  it('answers unavailable where no outcome comes, and holds later sends back until that one comes again', async () => {
    chat = await startRealtime({ batches: { giveUpMs: 50 } })
    const room = chat.room('room', 'ann')
    chat.world.storing = false
    const ann = await chat.ready('ann')
    const answer = await ann.send(room, 'c1')
    assert.equal(codeOf(answer), 'unavailable')
    assert.ok((answer.error as { retryAfterMs?: number }).retryAfterMs)
    chat.world.storing = true
    assert.equal(codeOf(await ann.send(room, 'c2')), 'overloaded')
    assert.equal(codeOf(await ann.send(chat.room('other', 'ann'), 'c3')), 'ok')
    assert.equal(codeOf(await ann.send(room, 'c1')), 'ok')
    assert.equal(codeOf(await ann.send(room, 'c2')), 'ok')
  })

  it('queues over the rate and refuses over the queue, from the first refused on', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann')
    const ann = await chat.ready('ann')
    const most = limits.messageBurst + limits.messagesQueued
    const answers = Array.from({ length: most + 3 }, (_, i) => ann.send(room, `c${i}`))
    assert.deepEqual((await Promise.all(answers.slice(most))).map(codeOf), Array(3).fill('rate_limited'))
    assert.equal(
      codeOf(await Promise.all(answers.slice(0, 50)).then((all) => all[49] ?? { ok: false })),
      'ok',
    )
    // There is room again, but it would overtake.
    assert.equal(codeOf(await ann.send(room, 'later')), 'rate_limited')
    for (const answer of answers) answer.catch(() => {})
  })

  it('has no rates where they are switched off', async () => {
    chat = await startRealtime({ rateLimits: false })
    const room = chat.room('room', 'ann')
    const ann = await chat.ready('ann')
    const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => ann.send(room, `c${i}`)))
    assert.ok(answers.every(({ ok }) => ok))
    assert.deepEqual(
      ann.seqs(),
      Array.from({ length: 500 }, (_, i) => i + 1),
    )
  })
})

describe('whatever else a client sends', () => {
  it('is answered and leaves the connection alone', async () => {
    chat = await startRealtime({
      answers: {
        internalSync: () => {
          throw new TypeError('a bug')
        },
      },
    })
    const ann = await chat.ready('ann')
    const table: [string, unknown[], string][] = [
      ['message:send', [], 'invalid_body'],
      ['message:send', [null], 'invalid_body'],
      ['message:send', [{ conversationId: 'room', clientId: 'c', text: ' ' }], 'invalid_body'],
      ['message:send', [{ conversationId: '../x', clientId: 'c', text: 'x' }], 'invalid_body'],
      ['message:send', [{ conversationId: 'r', clientId: 'c', text: 'x'.repeat(70_000) }], 'body_too_large'],
      ['conversation:read', [{ conversationId: 'room', seq: 0 }], 'invalid_body'],
      ['presence:watch', [{ userIds: 'ann' }], 'invalid_body'],
      ['no:such', [{}], 'invalid_body'],
      ['toString', [{}], 'invalid_body'],
      ['sync', [{ cursors: {} }], 'internal'],
    ]
    for (const [name, args, code] of table) assert.equal(codeOf(await ann.ask(name, ...args)), code, name)
    ann.socket.emit('message:send', { conversationId: 'room' })
    ann.socket.emit('message:send', 'x'.repeat(70_000))
    ann.socket.emit('no:such')
    assert.equal(codeOf(await ann.ask('presence:watch', { userIds: [] })), 'ok')
    assert.ok(ann.socket.connected)
  })

  it('has a rate', async () => {
    chat = await startRealtime()
    const ann = await chat.ready('ann')
    const answers = await Promise.all(
      Array.from({ length: 230 }, () => ann.ask('presence:watch', { userIds: [] })),
    )
    assert.ok(answers.map(codeOf).includes('rate_limited'))
    assert.ok(ann.socket.connected)
  })

  it('may not be binary', async () => {
    chat = await startRealtime()
    const ann = await chat.ready('ann')
    ann.socket.emit('message:send', Buffer.from('x'))
    await ann.next('disconnect')
    await chat.ready('ann')
  })
})

describe('delivery', () => {
  it('repairs what was lost on the way, in order', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann')
    const ann = await chat.ready('ann')
    const [one, two, three] = chat.append(room, chat.message(room), chat.message(room), chat.message(room))
    assert.ok(one && two && three)
    await chat.tell(room, [three])
    await chat.tell(room, [one])
    await ann.next('entry', 3)
    assert.deepEqual(ann.seqs(), [1, 2, 3])
    chat.append(room, chat.message(room))
    await chat.event(conversationChanged, { heads: { [room]: 4 } })
    await ann.next('entry', 4)
    assert.deepEqual(await ann.next('heads'), { [room]: 3 }, 'not ahead of what was delivered')
    await chat.event(conversationChanged, { heads: { [room]: 4 } })
    assert.deepEqual(await ann.next('heads', 2), { [room]: 4 })
  })

  it('adds and removes people at their place in the order', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [ann, bob, cid] = await Promise.all([chat.ready('ann'), chat.ready('bob'), chat.ready('cid')])
    const entries = chat.append(
      room,
      chat.message(room),
      chat.member(room, 'bob', 'removed'),
      chat.message(room),
      chat.member(room, 'cid', 'added'),
      chat.message(room),
    )
    await chat.tell(room, entries)
    await chat.tell(room, chat.append(room, chat.message(room)))
    await Promise.all([ann.next('entry', 6), cid.next('entry', 3), bob.next('conversation:removed')])
    assert.deepEqual(ann.seqs(), [1, 2, 3, 4, 5, 6])
    assert.deepEqual(bob.seqs(), [1, 2])
    assert.deepEqual(cid.seqs(), [4, 5, 6])
    assert.deepEqual(
      cid.heard.map(({ name }) => name),
      ['ready', 'conversation:added', 'entry', 'entry', 'entry'],
    )
    const added = await cid.next<{ conversation: { id: string; memberCount: number } }>('conversation:added')
    assert.deepEqual([added.conversation.id, added.conversation.memberCount], [room, 2])
  })

  it('brings a conversation to a node that had nobody in it', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'far')
    const ann = await chat.ready('ann')
    await chat.tell(room, chat.append(room, chat.message(room), chat.member(room, 'ann', 'added')))
    await chat.tell(room, chat.append(room, chat.message(room)))
    await ann.next('entry', 2)
    assert.deepEqual(ann.seqs(), [2, 3])
  })

  it('brings in everybody of a new conversation, whichever of its events comes first', async () => {
    chat = await startRealtime()
    const room = chat.room('room')
    const [ann, bob] = [await chat.ready('ann.1'), await chat.ready('bob.1')]
    const members = chat.append(room, chat.member(room, 'ann', 'added'), chat.member(room, 'bob', 'added'))
    await chat.tell(room, members.slice(1))
    await chat.tell(room, members)
    await Promise.all([ann.next('conversation:added'), bob.next('conversation:added')])
    await chat.tell(room, chat.append(room, chat.message(room)))
    await Promise.all([ann, bob].map((client) => client.until('3', () => client.seqs().includes(3))))
  })

  it('finds who connects between an addition and the list that knows of it', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'far')
    const added = chat.append(room, chat.member(room, 'ann', 'added'))
    chat.world.members.get(room)?.delete('ann')
    await chat.tell(room, added)
    const ann = await chat.ready('ann')
    assert.deepEqual(ann.all('conversation:added'), [])
    chat.world.members.get(room)?.add('ann')
    await chat.tell(room, chat.append(room, chat.message(room)))
    // `messages` says that ann is no member yet: she gets in with the next addition or connection.
    const again = await chat.ready('ann')
    await chat.tell(room, chat.append(room, chat.message(room)))
    await again.next('entry')
    assert.deepEqual(again.seqs(), [3])
  })

  it('loses nothing between the list of conversations and the join', async () => {
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    chat = await startRealtime({
      answers: {
        async internalMemberships() {
          const head = chat.world.log.get('room')?.length ?? 0
          await asked
          return { items: [{ conversationId: 'room', head }] }
        },
      },
    })
    const room = chat.room('room', 'ann')
    const ann = chat.connect('ann')
    await eventually('asked', () => chat.world.calls.includes('internalMemberships'))
    await chat.tell(room, chat.append(room, chat.message(room)))
    answer()
    await ann.next('entry')
    assert.deepEqual(ann.seqs(), [1])
  })
})

describe('people', () => {
  const online = (userId: string, status: Presence['status'] = 'online'): Presence => ({
    userId: user(userId),
    status,
    lastSeenAt: null,
  })

  it('tells read markers to my other devices, and receipts to the others', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [one, two, bob] = await Promise.all([chat.ready('ann.1'), chat.ready('ann.2'), chat.ready('bob')])
    for (const seq of [1, 2, 3]) {
      assert.deepEqual(await one.ask('conversation:read', { conversationId: room, seq }), {
        ok: true,
        unread: 3,
      })
    }
    await two.next('read', 3)
    assert.deepEqual(await bob.next('receipt'), {
      conversationId: room,
      userId: 'ann',
      deliveredSeq: 3,
      readSeq: 3,
    })
    assert.deepEqual([one.all('read'), one.all('receipt'), bob.all('receipt').length], [[], [], 1])
  })

  it('sends no receipts in a large conversation', async () => {
    chat = await startRealtime()
    const members = Array.from({ length: 101 }, (_, i) => `u${i}`)
    const large = chat.room('large', 'ann', ...members)
    const small = chat.room('small', 'ann', 'u1')
    const [ann, other] = await Promise.all([chat.ready('ann'), chat.ready('u1')])
    await ann.ask('conversation:read', { conversationId: large, seq: 1 })
    await ann.ask('conversation:read', { conversationId: small, seq: 1 })
    assert.equal((await other.next('receipt')).conversationId, small)
    assert.equal(other.all('receipt').length, 1)
  })

  it('tells typing to the others in the room, and only from who is in it', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [ann, phone, bob, eve] = await Promise.all(
      ['ann.1', 'ann.2', 'bob', 'eve'].map((name) => chat.ready(name)),
    )
    assert.ok(ann && phone && bob && eve)
    eve.socket.emit('typing:start', { conversationId: room })
    ann.socket.emit('typing:start', { conversationId: room })
    ann.socket.emit('typing:stop', { conversationId: room })
    await bob.next('typing', 2)
    assert.deepEqual(bob.all('typing'), [
      { conversationId: room, userId: 'ann', active: true },
      { conversationId: room, userId: 'ann', active: false },
    ])
    assert.deepEqual(
      [ann, phone, eve].flatMap((client: Client) => client.all('typing')),
      [],
    )
  })

  it('tells presence to who watches and may, and forgets the set before', async () => {
    chat = await startRealtime()
    const ann = await chat.ready('ann')
    chat.world.visible = [online('bob'), online('cid', 'away')]
    const answer = await ann.ask('presence:watch', { userIds: ['bob', 'cid', 'eve'] })
    assert.deepEqual(answer, { ok: true, items: chat.world.visible })
    await chat.event(presenceChanged, { items: [online('eve'), online('bob', 'offline')] })
    assert.deepEqual(await ann.next('presence'), online('bob', 'offline'))
    await ann.ask('presence:watch', { userIds: ['cid'] })
    await chat.event(presenceChanged, { items: [online('bob'), online('cid')] })
    assert.deepEqual(await ann.next('presence', 2), online('cid'))
  })

  it('tells what changes while a watch is being set', async () => {
    chat = await startRealtime({
      answers: {
        async internalWatch() {
          await chat.event(presenceChanged, { items: [online('bob', 'dnd'), online('eve')] })
          return { items: [online('bob')] }
        },
      },
    })
    const ann = await chat.ready('ann')
    await ann.ask('presence:watch', { userIds: ['bob', 'eve'] })
    assert.deepEqual(await ann.next('presence'), online('bob', 'dnd'))
  })

  it('ends the sockets of a revoked session, and no others', async () => {
    chat = await startRealtime()
    const [one, two] = await Promise.all([chat.ready('ann.1'), chat.ready('ann.2')])
    await chat.event(sessionRevoked, { userId: 'ann', sessionIds: ['ann-1'], reason: 'logged out' })
    await one.next('disconnect')
    assert.deepEqual(await one.next('session:revoked'), { reason: 'logged out' })
    assert.ok(two.socket.connected)
    assert.equal((await chat.connect('ann.1').next('connect_error')).code, 'session_revoked')
  })

  it('reports who comes and goes, in the order of its counter', async () => {
    chat = await startRealtime()
    const ann = await chat.ready('ann')
    ann.socket.disconnect()
    await published(chat, 'presence.disconnected')
    const told = chat.world.published.filter(({ topic }) => topic.startsWith('presence.'))
    const counters = told.map(({ data }) => (data as { counter: number }).counter)
    assert.deepEqual(
      counters,
      [...counters].sort((a, b) => a - b),
    )
    assert.equal(new Set(told.map(({ data }) => (data as { epoch: number }).epoch)).size, 1)
    assert.ok(told.some(({ topic }) => topic === 'presence.heartbeat'))
  })
})

describe('the node', () => {
  it('refuses events that do not fit', async () => {
    chat = await startRealtime()
    assert.match(await chat.event(messageStored, { conversations: [] }), /DROP/)
  })

  it('is ready while its sidecar is', async () => {
    chat = await startRealtime()
    assert.equal((await fetch(`${chat.url}/readyz`)).status, 200)
  })

  it('drains: says when to come back, finishes what it took, lets nobody in and closes its lease', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    chat.world.storing = false
    const [ann, bob] = await Promise.all([chat.ready('ann'), chat.ready('bob')])
    const sent = ann.send(room, 'c1')
    await published(chat, 'message.submitted')
    const drained = chat.app.drain()
    await Promise.all([ann.next('draining'), bob.next('draining')])
    const times = [ann, bob].map((client) => client.all('draining')[0] as unknown as { retryAfterMs: number })
    assert.notEqual(times[0]?.retryAfterMs, times[1]?.retryAfterMs)
    assert.equal(codeOf(await bob.send(room, 'c2')), 'overloaded')
    assert.equal((await chat.connect('cid').next('connect_error')).code, 'unavailable')
    await chat.tell(
      room,
      chat.append(room, (seq) => messageEntry(room, seq, 'ann', 'c1')),
    )
    assert.equal(codeOf(await sent), 'ok')
    await drained
    assert.equal(await ann.next('disconnect'), 'transport close')
    const last = chat.world.published.at(-1)
    assert.deepEqual(
      [last?.topic, (last?.data as { closing?: boolean } | undefined)?.closing],
      ['presence.heartbeat', true],
    )
  })
})

const published = (realtime: Realtime, topic: string) =>
  eventually(topic, () => realtime.world.published.some((event) => event.topic === topic))

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`this did not come: ${what}`)
}
