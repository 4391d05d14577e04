import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { limits, messageRejected } from '@parley/contracts'
import { codeOf, published, type Realtime, startRealtime } from '../testing/harness.ts'

let chat: Realtime
afterEach(() => chat.close())

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
    chat = await startRealtime({ batches: { giveUpMs: 2_000 } })
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
    // While they come in, some are sent on: so there are more of them than fit at once.
    const most = limits.messageBurst + limits.messagesQueued + 100
    const answers = Array.from({ length: most }, (_, i) => ann.send(room, `c${i}`))
    for (const answer of answers) answer.catch(() => {})
    assert.equal(codeOf((await answers.at(-1)) ?? { ok: true }), 'rate_limited')
    for (const answer of answers.slice(0, limits.messageBurst)) assert.equal(codeOf(await answer), 'ok')
    // There is room again, but it would overtake.
    assert.equal(codeOf(await ann.send(room, 'later')), 'rate_limited')
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
