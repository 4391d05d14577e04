import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { codeOf, type Realtime, startRealtime } from '../testing/harness.ts'

let chat: Realtime
afterEach(() => chat.close())

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
