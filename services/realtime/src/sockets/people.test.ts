import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type Presence, presenceChanged, sessionRevoked } from '@parley/contracts'
import { user } from '../testing/builders.ts'
import type { Client } from '../testing/client.ts'
import { published, type Realtime, startRealtime } from '../testing/harness.ts'

let chat: Realtime
afterEach(() => chat.close())

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
