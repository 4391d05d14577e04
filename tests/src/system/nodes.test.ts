import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { addMembers, type Entry, logout, type Message, removeMember } from '@parley/contracts'
import { until } from '@parley/testkit'
import { hasRedis } from './redis.ts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat?.close())

const [first, second] = [0, 1] as const

describe('two nodes', { skip: !hasRedis && 'there is no redis-server on this machine' }, () => {
  const doorOf = (node: 0 | 1) => chat.doors[node] ?? chat.doors[0]

  it('are one to everybody, whichever they are connected to', async () => {
    chat = await startChat({ nodes: 2, faults: { duplicates: 0.3, maxDelayMs: 60 } })
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob])
    const params = { conversationId: room.id }
    const [phone, tablet, laptop, late] = await Promise.all([
      ann.device({}, doorOf(first)),
      ann.device({}, doorOf(second)),
      bob.device({}, doorOf(second)),
      eve.device({}, doorOf(second)),
    ])
    assert.notEqual((await phone.until('ready')).node, (await laptop.until('ready')).node)
    await laptop.ok('presence:watch', { userIds: [ann.id] })
    const sends = Array.from({ length: 30 }, (_, i) => (i % 2 ? phone : laptop).send(room.id, `${i}`))
    const { seq } = (await Promise.all(sends)).sort((a, b) => b.seq - a.seq)[0] ?? { seq: 0 }
    phone.tell('typing:start', room.id)
    await laptop.until('typing', ({ userId }) => userId === ann.id)
    await phone.ok('conversation:read', { conversationId: room.id, seq })
    await tablet.until('read', ({ readSeq }) => readSeq === seq)
    await laptop.until('receipt', ({ readSeq }) => readSeq === seq)
    await ann.call(addMembers, { params, body: { userIds: [eve.id] } })
    await late.until('conversation:added')
    await phone.send(room.id, 'for three')
    await late.message('for three')
    await ann.call(removeMember, { params: { ...params, userId: eve.id } })
    await late.until('conversation:removed')
    await phone.send(room.id, 'for two')
    const watching = [phone, tablet, laptop]
    await Promise.all(watching.map((device) => device.message('for two')))
    await late.settled()
    assert.equal(
      late.entries(room.id).some((one) => one.kind === 'message' && one.message.text === 'for two'),
      false,
    )
    const log = await ann.log(room.id)
    const begun = log.findIndex(({ kind }) => kind === 'message')
    for (const device of watching) {
      const entries = device.entries(room.id)
      const from = (entries[0]?.seq ?? 0) - 1
      assert.ok(from >= 0 && from <= begun, `from ${from}, messages from ${begun}`)
      assert.deepEqual(entries, log.slice(from))
    }
    phone.close()
    tablet.close()
    await laptop.until('presence', ({ userId, status }) => userId === ann.id && status === 'offline')
    await bob.call(logout)
    await laptop.until('session:revoked')
    await laptop.gone()
  })

  it('lose nothing when Redis between them dies and comes back', async () => {
    chat = await startChat({ nodes: 2, rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop] = await Promise.all([ann.device({}, doorOf(first)), bob.device({}, doorOf(second))])
    const sends: Promise<Message>[] = []
    const sendSome = async (name: string) => {
      for (let i = 0; i < 20; i++) {
        sends.push(phone.send(room.id, `${name} ${i}`), laptop.send(room.id, `${name} back ${i}`))
        await delay(10)
      }
    }
    await sendSome('before')
    await chat.redis?.kill()
    await sendSome('without')
    await chat.redis?.start()
    await sendSome('after')
    const stored = await Promise.all(sends)
    const last = Math.max(...stored.map(({ seq }) => seq))
    assert.equal(new Set(stored.map(({ seq }) => seq)).size, sends.length)
    for (const device of [phone, laptop]) {
      await device.until('entry', ({ seq }) => seq === last)
      const seqs = device.entries(room.id).map(({ seq }) => seq)
      assert.deepEqual(
        seqs,
        seqs.map((_, i) => last - seqs.length + 1 + i),
      )
      assert.equal(seqs.length, sends.length)
    }
  })

  it('live on when one of them dies: its people are gone, and come back at the other', async () => {
    chat = await startChat({ nodes: 2, rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const phone = await ann.device({}, doorOf(first))
    await phone.ok('presence:watch', { userIds: [bob.id] })
    const app = await bob.chat({}, doorOf(second))
    const entries: Entry[] = []
    app.on('entry', (entry) => entries.push(entry))
    app.follow(room.id, 0)
    await phone.until('presence', ({ status }) => status === 'online')
    await until(() => app.connection().status === 'online', 'the app is online')

    const kept = Array.from({ length: 20 }, (_, i) => app.send(room.id, { text: `${i}` }).stored)
    await chat.service('realtime', second).kill()
    const sent = await phone.send(room.id, 'are you there?')
    await phone.until('presence', ({ status }) => status === 'offline')
    assert.equal(
      entries.some(({ seq }) => seq === sent.seq),
      false,
    )
    await chat.service('realtime', second).start()
    await Promise.all(kept)
    const log = await ann.log(room.id)
    await until(() => app.cursor(room.id) === log.length, 'the app has all')
    assert.deepEqual(entries, log)
    assert.equal((await bob.history(room.id)).length, 21)
  })
})
