import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type Presence, presenceChanged, sessionRevoked } from '@parley/contracts'
import { user } from '../testing/builders.ts'
import type { Client } from '../testing/client.ts'
import { eventually, published, type Realtime, startRealtime } from '../testing/harness.ts'

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

  it('drops starts over the rate, and no stop after one that was told', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [ann, bob] = await Promise.all([chat.ready('ann'), chat.ready('bob')])
    for (let i = 0; i < 30; i++) ann.socket.emit('typing:start', { conversationId: room })
    ann.socket.emit('typing:stop', { conversationId: room })
    await bob.until('the stop', () => bob.all('typing').some(({ active }) => !active))
    assert.ok(bob.all('typing').length < 20)
  })

  it('tells neither typing nor receipts of who is invisible, as far as it knows', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [ann, other, bob] = await Promise.all([chat.ready('ann.1'), chat.ready('ann.2'), chat.ready('bob')])
    const type = (name: string) => ann.socket.emit(name, { conversationId: room })
    const read = (seq: number) => ann.ask('conversation:read', { conversationId: room, seq })
    chat.world.failing.add('internalVisibility')
    type('typing:start')
    await read(1)
    chat.world.failing.delete('internalVisibility')
    chat.world.hidden.add('ann')
    type('typing:start')
    await read(2)
    await other.next('read', 2)
    const change = (rev: number, hidden: string[]) =>
      chat.event(presenceChanged, { items: [{ ...online('ann'), rev }], hidden })
    await change(2, [])
    await change(1, ['ann'])
    type('typing:stop')
    await read(3)
    await bob.next('receipt')
    await change(3, ['ann'])
    type('typing:start')
    await read(4)
    await other.next('read', 4)
    await change(4, [])
    type('typing:start')
    await bob.next('typing', 2)
    assert.deepEqual(
      bob.all('typing').map(({ active }) => active),
      [false, true],
    )
    assert.deepEqual(
      bob.all('receipt').map(({ readSeq }) => readSeq),
      [3],
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

  it('tells nothing twice, and nothing that was overtaken', async () => {
    chat = await startRealtime()
    const at = (rev: number, status: Presence['status']) => ({ ...online('bob', status), rev })
    chat.world.visible = [at(3, 'online')]
    const ann = await chat.ready('ann')
    await ann.ask('presence:watch', { userIds: ['bob'] })
    for (const item of [at(3, 'online'), at(5, 'offline'), at(4, 'away'), at(5, 'offline'), at(6, 'online')])
      await chat.event(presenceChanged, { items: [item] })
    await ann.next('presence', 2)
    await ann.ask('presence:watch', { userIds: ['bob'] })
    await chat.event(presenceChanged, { items: [at(4, 'dnd')] })
    await ann.next('presence', 3)
    assert.deepEqual(ann.all('presence'), [at(5, 'offline'), at(6, 'online'), at(4, 'dnd')])
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

  it('looks again whom a socket may watch when a membership ends', async () => {
    const looks: string[] = []
    chat = await startRealtime({
      answers: {
        internalWatch({ userId, userIds }: { userId: string; userIds: string[] }) {
          looks.push(userId)
          return { items: chat.world.visible.filter((one) => userIds.includes(one.userId)) }
        },
      },
    })
    const room = chat.room('room', 'ann', 'bob', 'cid')
    chat.world.visible = [online('ann'), online('bob'), online('cid')]
    const [ann, bob] = await Promise.all([chat.ready('ann'), chat.ready('bob')])
    await ann.ask('presence:watch', { userIds: ['bob', 'cid'] })
    await bob.ask('presence:watch', { userIds: ['ann', 'cid'] })
    // Bob is seen by nobody any more, and sees cid alone, with whom he shares another conversation.
    chat.world.visible = [online('cid')]
    chat.world.failing.add('internalWatch')
    await chat.tell(room, chat.append(room, chat.member('room', 'bob', 'removed')))
    await bob.next('conversation:removed')
    chat.world.failing.delete('internalWatch')
    await eventually('both were looked at', () => looks.length === 4)
    assert.deepEqual(looks.slice(2).sort(), ['ann', 'bob'])
    await ann.ask('sync', { cursors: {} })
    await chat.event(presenceChanged, { items: [online('ann'), online('bob'), online('cid')] })
    await Promise.all([ann.next('presence'), bob.next('presence')])
    assert.deepEqual([ann.all('presence'), bob.all('presence')], [[online('cid')], [online('cid')]])
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
