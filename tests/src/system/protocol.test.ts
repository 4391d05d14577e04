import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { addMembers, clientEvents, logout, removeMember, serverEvents } from '@parley/contracts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

/** What a run of the whole protocol leaves in `shapes.seen`, where each item was held against its contract. */
const everything = [
  ...Object.keys(serverEvents).map((name) => `server ${name}`),
  ...Object.entries(clientEvents).map(([name, { ack }]) => (ack ? `ack ${name}` : `client ${name}`)),
]

describe('the socket protocol', () => {
  it('has every event and acknowledgement in the shape of its contract', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob])
    const [phone, tablet, laptop, late] = await Promise.all([
      ann.device(),
      ann.device(),
      bob.device(),
      eve.device(),
    ])

    await laptop.ok('presence:watch', { userIds: [ann.id] })
    const { seq } = await laptop.send(room.id, 'hello')
    await phone.message('hello')
    phone.tell('typing:start', room.id)
    await laptop.until('typing', ({ userId, active }) => userId === ann.id && active)
    phone.tell('typing:stop', room.id)
    await laptop.until('typing', ({ userId, active }) => userId === ann.id && !active)
    const { unread } = await phone.ok('conversation:read', { conversationId: room.id, seq })
    assert.equal(unread, 0)
    const read = await tablet.until('read')
    assert.deepEqual(read, { conversationId: room.id, readSeq: seq, unread: 0, mentions: 0 })
    await laptop.until('receipt', ({ userId, readSeq }) => userId === ann.id && readSeq === seq)

    await ann.call(addMembers, { params: { conversationId: room.id }, body: { userIds: [eve.id] } })
    await late.until('conversation:added', ({ conversation }) => conversation.id === room.id)
    await ann.call(removeMember, { params: { conversationId: room.id, userId: eve.id } })
    await late.until('conversation:removed', ({ conversationId }) => conversationId === room.id)
    const { conversations } = await phone.ok('sync', { cursors: { [room.id]: seq } })
    assert.equal(conversations[0]?.id, room.id)
    await phone.until('heads', (heads) => (heads[room.id] ?? 0) >= seq)

    await eve.call(logout)
    await late.until('session:revoked')
    assert.equal(await late.gone(), 'io server disconnect')
    phone.close()
    tablet.close()
    await laptop.until('presence', ({ userId, status }) => userId === ann.id && status === 'offline')
    await chat.service('realtime').stop()
    const { retryAfterMs } = await laptop.until('draining')
    assert.ok(retryAfterMs > 0)
    await laptop.gone()
    await chat.service('realtime').start()
    assert.deepEqual(
      everything.filter((what) => !chat.shapes.seen.has(what)),
      [],
    )
  })
})
