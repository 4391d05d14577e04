import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { changePassword, deleteSession, limits, listSessions, logout, type Message } from '@parley/contracts'
import { until } from '@parley/testkit'
import { openDevice } from '../people/device.ts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

describe('a handshake', () => {
  it('is refused without a good token, with one in the query, from a strange page and after the session', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const [{ url }] = chat.doors
    const code = async (token: string | undefined, options = {}) => {
      const device = openDevice(url, token, chat.shapes, options)
      const refused = await device.refusedWith()
      device.close()
      return refused.code
    }
    const { accessToken } = ann.tokens
    const forged = `${accessToken.slice(0, -8)}AAAAAAAA`
    assert.equal(await code(undefined), 'token_missing')
    assert.equal(await code('nonsense'), 'token_invalid')
    assert.equal(await code(forged), 'token_invalid')
    assert.equal(await code(undefined, { query: { token: accessToken } }), 'token_missing')
    assert.equal(await code(accessToken, { query: { token: accessToken } }), 'token_invalid')
    const extraHeaders = { origin: 'https://evil.example' }
    assert.equal(await code(accessToken, { extraHeaders }), 'origin_refused')
    await bob.call(logout)
    assert.equal(await code(bob.tokens.accessToken), 'session_revoked')
    const own = await ann.device({ extraHeaders: { origin: url } })
    assert.equal((await own.until('ready')).userId, ann.id)
    const polling = await ann.device({ transports: ['polling'] })
    await polling.settled()
    polling.close()
  })
})

describe('the end of a session', () => {
  it('closes its sockets on every way to it, and no others', async () => {
    chat = await startChat({ faults: { duplicates: 0.5, maxDelayMs: 50 } })
    const [ann] = await chat.people('ann')
    const [second, third] = await Promise.all([ann.login(), ann.login()])
    const [first, other, last] = await Promise.all([ann.device(), second.device(), third.device()])
    await second.call(logout)
    assert.ok((await other.until('session:revoked')).reason)
    await other.gone()
    const { items } = (await ann.call(listSessions)).body
    assert.equal(items.length, 2)
    const sessionId = (await last.until('ready')).sessionId
    await ann.call(deleteSession, { params: { sessionId } })
    await last.until('session:revoked')
    await last.gone()
    const fourth = await ann.login()
    const device = await fourth.device()
    await ann.call(changePassword, { body: { current: ann.password, next: 'another horse battery' } })
    await device.until('session:revoked')
    await device.gone()
    await first.settled()
    assert.deepEqual(first.all('session:revoked'), [])
  })
})

describe('a bad payload', () => {
  it('is answered and never fatal', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const phone = await ann.device()
    const message = { conversationId: room.id, clientId: 'c', text: 'x' }
    const long = 'x'.repeat(limits.textCharacters + 1)
    const bad: [string, unknown[], string][] = [
      ['message:send', [], 'invalid_body'],
      ['message:send', [null], 'invalid_body'],
      ['message:send', ['text'], 'invalid_body'],
      ['message:send', [[message]], 'invalid_body'],
      ['message:send', [{ ...message, text: '' }], 'invalid_body'],
      ['message:send', [{ ...message, text: long }], 'invalid_body'],
      ['message:send', [{ ...message, text: 7 }], 'invalid_body'],
      ['message:send', [{ ...message, clientId: '' }], 'invalid_body'],
      ['message:send', [{ ...message, clientId: 'x'.repeat(129) }], 'invalid_body'],
      ['message:send', [{ ...message, replyTo: -1 }], 'invalid_body'],
      ['message:send', [{ ...message, mentions: ['../..'] }], 'invalid_body'],
      ['message:send', [{ ...message, conversationId: 'a||b' }], 'invalid_body'],
      ['message:send', [{ ...message, conversationId: 'nowhere' }], 'conversation_not_found'],
      ['message:send', [{ ...message, replyTo: 99 }], 'message_not_found'],
      ['message:send', [{ ...message, text: 'x'.repeat(70_000) }], 'body_too_large'],
      ['conversation:read', [{ conversationId: room.id }], 'invalid_body'],
      ['conversation:read', [{ conversationId: 'nowhere', seq: 1 }], 'conversation_not_found'],
      ['sync', [{ cursors: [] }], 'invalid_body'],
      ['sync', [{ cursors: { [room.id]: -1 } }], 'invalid_body'],
      ['sync', [{ cursors: manyCursors() }], 'invalid_body'],
      ['presence:watch', [{ userIds: Array(501).fill(ann.id) }], 'invalid_body'],
      ['no:such:event', [{}], 'invalid_body'],
      ['__proto__', [{}], 'invalid_body'],
    ]
    for (const [event, args, code] of bad)
      assert.equal(
        (await phone.refused(event, ...args)).code,
        code,
        `${event} ${JSON.stringify(args).slice(0, 80)}`,
      )
    const raw = phone.socket as unknown as { emit(event: string, ...args: unknown[]): void }
    for (const [event, args] of bad) raw.emit(event, ...args)
    raw.emit('typing:start', { conversationId: 7 })
    assert.equal((await phone.send(room.id, 'still here')).text, 'still here')
    assert.ok(phone.socket.connected)
  })

  it('that is no Unicode is mended, and whatever is stays as it is', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const texts = ['$$ROOT', '\u0000\u007f\u200d', '🏳️‍🌈 ' + 'e\u0301', '{"a":1}', '  spaces  ', '\ud800 lone']
    for (const text of texts) {
      const kept = text.toWellFormed()
      assert.equal((await phone.send(room.id, text)).text, kept)
      await laptop.message(kept)
    }
    assert.deepEqual(
      (await bob.history(room.id)).map(({ text }) => text),
      texts.map((text) => text.toWellFormed()),
    )
  })
})

describe('over the rate', () => {
  it('sends wait, then are refused from the first on until that one comes again, and stay in order', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const [room, other] = [await ann.group('Team', [bob]), await ann.group('Other', [bob])]
    const phone = await ann.device()
    const total = limits.messageBurst + limits.messagesQueued + 20
    const names = Array.from({ length: total }, (_, i) => `m${i}`)
    const send = (clientId: string) =>
      phone.ask('message:send', { conversationId: room.id, clientId, text: clientId })
    const sending = names.map(send)
    // Over the whole burst, so that it cannot be taken either; but no refused one stands before it there.
    const elsewhere = phone.ask('message:send', { conversationId: other.id, clientId: 'o', text: 'o' })
    const answers = await Promise.all(sending)
    const refused = answers.flatMap((answer, i) => (answer.ok ? [] : [{ i, error: answer.error }]))
    assert.ok(refused.length > 0)
    const first = refused[0]?.i ?? 0
    assert.deepEqual(
      refused.map(({ i }) => i),
      names.slice(first).map((_, i) => first + i),
    )
    for (const { error } of refused) {
      assert.ok(['rate_limited', 'overloaded'].includes(error.code))
      assert.ok((error.retryAfterMs ?? 0) > 0)
    }
    await elsewhere
    const late = await send('later')
    assert.equal(late.ok, false)
    for (const name of [...names.slice(first), 'later']) assert.equal((await send(name)).ok, true, name)
    const stored = (await ann.history(room.id)).map(({ clientId }) => clientId)
    assert.deepEqual(stored, [...names, 'later'])
  })
})

describe('a node that goes down', () => {
  it('says so, answers what it took, and its clients come back by themselves with nothing lost', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, app] = await Promise.all([ann.device(), bob.chat()])
    app.follow(room.id, 0)
    await until(() => app.connection().status === 'online', 'the app is online')
    const sends = Array.from({ length: 100 }, (_, i) => phone.send(room.id, `${i}`))
    const kept: Promise<Message>[] = []
    for (let i = 0; i < 100; i++) kept.push(app.send(room.id, { text: `app ${i}` }).stored)
    const stopping = chat.service('realtime').stop()
    assert.ok((await phone.until('draining')).retryAfterMs >= 0)
    const outcomes = await Promise.allSettled(sends)
    await phone.gone()
    await stopping
    await chat.service('realtime').start()
    await Promise.all(kept)
    const log = await ann.log(room.id)
    await until(() => app.cursor(room.id) === log.length, 'the app has all')
    const texts = new Set((await ann.history(room.id)).map(({ text }) => text))
    for (const [i, outcome] of outcomes.entries())
      if (outcome.status === 'fulfilled')
        assert.ok(texts.has(`${i}`), `${i} was acknowledged and is not stored`)
  })
})

const manyCursors = () => Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`c${i}`, 1]))
