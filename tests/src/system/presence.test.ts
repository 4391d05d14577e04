import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { getPresence, setPresence } from '@parley/contracts'
import { until } from '@parley/testkit'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

describe('presence', () => {
  it('is told to who watches and shares a conversation, from coming to going', async () => {
    chat = await startChat({ faults: { duplicates: 0.4, maxDelayMs: 80 } })
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    await ann.group('Team', [bob])
    const [phone, stranger] = await Promise.all([ann.device(), eve.device()])
    const { items } = await phone.ok('presence:watch', { userIds: [bob.id, eve.id, bob.id] })
    assert.deepEqual(
      items.map(({ userId, status }) => [userId, status]),
      [[bob.id, 'offline']],
    )
    assert.deepEqual((await stranger.ok('presence:watch', { userIds: [ann.id, bob.id] })).items, [])

    const laptop = await bob.device()
    await phone.until('presence', ({ userId, status }) => userId === bob.id && status === 'online')
    const tablet = await bob.device()
    laptop.close()
    await until(() => disconnects() === 1, 'presence knows of both')
    tablet.close()
    const gone = await phone.until('presence', ({ status }) => status === 'offline')
    assert.ok(Date.parse(gone.lastSeenAt ?? '') <= Date.now())
    await phone.settled()
    assert.deepEqual(
      phone.all('presence').map(({ status }) => status),
      ['online', 'offline'],
    )
    await stranger.settled()
    assert.deepEqual(stranger.all('presence'), [])
    assert.deepEqual((await eve.call(getPresence, { query: { userIds: `${bob.id}` } })).body.items, [])
  })

  it('does not flicker when a device comes back within the grace', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    await ann.group('Team', [bob])
    const phone = await ann.device()
    await phone.ok('presence:watch', { userIds: [bob.id] })
    for (let reload = 0; reload < 4; reload++) {
      const laptop = await bob.device()
      await phone.until('presence', ({ status }) => status === 'online')
      laptop.close()
    }
    await phone.until('presence', ({ status }) => status === 'offline')
    assert.deepEqual(
      phone.all('presence').map(({ status }) => status),
      ['online', 'offline'],
    )
  })

  it('shows what people choose, and hides who is invisible', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    await ann.group('Team', [bob])
    const [phone] = await Promise.all([ann.device(), bob.device()])
    await phone.ok('presence:watch', { userIds: [bob.id] })
    await until(async () => (await seen()) === 'online', 'bob is online')
    await bob.call(setPresence, { body: { status: 'dnd', text: 'writing' } })
    const busy = await phone.until('presence', ({ status }) => status === 'dnd')
    assert.equal(busy.text, 'writing')
    await bob.call(setPresence, { body: { status: 'invisible' } })
    const gone = await phone.until('presence', ({ status }) => status === 'offline')
    assert.equal(gone.text, undefined)
    const { body } = await ann.call(getPresence, { query: { userIds: bob.id } })
    assert.equal(body.items[0]?.lastSeenAt, gone.lastSeenAt)
    await bob.call(setPresence, { body: { status: 'away' } })
    await phone.until('presence', ({ status }) => status === 'away')

    async function seen() {
      return (await ann.call(getPresence, { query: { userIds: bob.id } })).body.items[0]?.status
    }
  })

  it('lets who is invisible type and read in secret, from the choice to the next one', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop, tablet] = await Promise.all([ann.device(), bob.device(), bob.device()])
    const { seq } = await phone.send(room.id, 'are you there?')
    await phone.ok('presence:watch', { userIds: [bob.id] })
    await until(async () => (await shown()) === 'online', 'bob is online')
    laptop.tell('typing:start', room.id)
    await phone.until('typing')
    phone.forget()
    await bob.call(setPresence, { body: { status: 'invisible' } })
    await phone.until('presence', ({ status }) => status === 'offline')
    phone.forget()
    laptop.tell('typing:start', room.id)
    await laptop.ok('conversation:read', { conversationId: room.id, seq })
    const back = await bob.device()
    back.tell('typing:start', room.id)
    await tablet.until('read', ({ readSeq }) => readSeq === seq)

    await bob.call(setPresence, { body: { status: 'online' } })
    await phone.until('presence', ({ status }) => status === 'online')
    laptop.tell('typing:stop', room.id)
    await phone.until('typing', ({ active }) => !active)
    await laptop.ok('conversation:read', { conversationId: room.id, seq: seq + 1 })
    await phone.until('receipt')
    assert.deepEqual([phone.all('typing').length, phone.all('receipt').length], [1, 1])

    async function shown() {
      return (await ann.call(getPresence, { query: { userIds: bob.id } })).body.items[0]?.status
    }
  })

  it('forgets the devices of a node that died when it is there again', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    await ann.group('Team', [bob])
    const before = await ann.device()
    await before.ok('presence:watch', { userIds: [bob.id] })
    await bob.device()
    await before.until('presence', ({ status }) => status === 'online')
    await chat.service('realtime').kill()
    await before.gone()
    await chat.service('realtime').start()
    const phone = await ann.device()
    const { items } = await phone.ok('presence:watch', { userIds: [bob.id] })
    if (items[0]?.status !== 'offline') await phone.until('presence', ({ status }) => status === 'offline')
  })

  it('knows who is typing, and tells it neither to them nor to strangers', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob])
    const [phone, tablet, laptop, stranger] = await Promise.all([
      ann.device(),
      ann.device(),
      bob.device(),
      eve.device(),
    ])
    phone.tell('typing:start', room.id)
    assert.deepEqual(await laptop.until('typing'), {
      conversationId: room.id,
      userId: ann.id,
      active: true,
    })
    stranger.tell('typing:start', room.id)
    phone.tell('typing:stop', room.id)
    await laptop.until('typing', ({ active }) => !active)
    await Promise.all([phone, tablet, laptop, stranger].map((device) => device.settled()))
    assert.deepEqual(
      [phone, tablet, stranger].flatMap((device) => device.all('typing')),
      [],
    )
    assert.equal(laptop.all('typing').length, 2)
  })
})

const disconnects = () => chat.dapr.published.filter(({ topic }) => topic === 'presence.disconnected').length
