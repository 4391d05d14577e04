import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { presenceConnected, presenceDisconnected, presenceHeartbeat } from '@parley/contracts'
import { memoryDocumentStore } from '@parley/kit'
import { z } from 'zod'
import { users } from './documents.ts'
import { timing } from './domain/timing.ts'
import { testClock } from './testing/clock.ts'
import { type Replica, startReplica, type World } from './testing/replica.ts'

let world: World
let one: Replica
let two: Replica

beforeEach(async () => {
  const clock = testClock()
  world = {
    clock,
    store: memoryDocumentStore(clock),
    published: [],
    failures: 0,
    acquainted: new Set(['ann', 'bob']),
  }
  one = await startReplica(world)
  two = await startReplica(world)
})
afterEach(() => Promise.all([one.close(), two.close()]))

const at = () => new Date(world.clock.now()).toISOString()
const device = (counter: number, { node = 'a', epoch = 1, userId = 'ann', socketId = 's' } = {}) => ({
  ...{ node, epoch, counter, at: at(), userId, sessionId: 'session', socketId },
})
const connect = (replica: Replica, counter: number, where = {}) =>
  replica.event(presenceConnected, device(counter, where) as never)
const disconnect = (replica: Replica, counter: number, where = {}) =>
  replica.event(presenceDisconnected, device(counter, where) as never)
const beat = (replica: Replica, counter: number, { node = 'a', epoch = 1, closing = false } = {}) =>
  replica.event(presenceHeartbeat, { node, epoch, counter, at: at(), closing })
const told = () => world.published.map(({ userId, status }) => `${userId} ${status}`)
const online = async (...userIds: string[]) =>
  (await two.request('POST', '/internal/online', { from: 'notifications', body: { userIds } })).body.userIds
const statusOf = async (userId: string) => {
  const { body } = await two.request('GET', `/api/presence?userIds=${userId}`, { as: 'bob' })
  return body.items[0]?.status
}
const report = (
  counter: number,
  devices: readonly {
    connected: boolean
    counter: number
    userId?: string
    socketId?: string
    at?: string
  }[],
) =>
  one.request('POST', '/internal/report', {
    from: 'realtime',
    body: {
      ...{ node: 'a', epoch: 1, counter, at: at(), closing: false },
      devices: devices.map((happening) => {
        const { userId, sessionId, socketId } = device(0)
        return { userId, sessionId, socketId, at: at(), ...happening }
      }),
    },
  })
/** Time passes, and both replicas look at the clock. */
const pass = async (ms: number) => {
  world.clock.advance(ms)
  await one.round()
  await two.round()
}
/** A node's heartbeats go on while time passes. */
const live = async (seconds: number, counter: number) => {
  for (let i = 0; i < seconds; i += 5) {
    await beat(one, counter + i)
    await pass(5_000)
  }
}

describe('coming and going', () => {
  it('shows at once, and only after the grace', async () => {
    await beat(one, 1)
    assert.equal(await connect(one, 2), 200)
    assert.deepEqual(told(), ['ann online'])
    assert.equal(await statusOf('ann'), 'online')
    assert.equal(await disconnect(two, 3), 200)
    await pass(timing.graceMs - 1)
    assert.deepEqual([told(), await statusOf('ann')], [['ann online'], 'online'])
    assert.deepEqual(await online('ann'), [], 'for a push the device counts, not what is shown')
    await pass(1)
    assert.deepEqual([told(), await statusOf('ann')], [['ann online', 'ann offline'], 'offline'])
    await pass(60_000)
    assert.equal(told().length, 2)
  })

  it('a reload does not flicker, and repeats tell nobody anything', async () => {
    await connect(one, 1)
    await disconnect(one, 2)
    await connect(two, 3, { socketId: 't' })
    await Promise.all([connect(one, 1), disconnect(two, 2), connect(one, 3, { socketId: 't' })])
    await live(10, 100)
    assert.deepEqual(told(), ['ann online'])
    assert.deepEqual(await online('ann', 'bob'), ['ann'])
  })

  it('what the broker has lost is made up for by the report of the node, which repeats nothing', async () => {
    assert.equal((await report(2, [{ connected: true, counter: 1 }])).status, 204)
    assert.deepEqual([told(), await online('ann')], [['ann online'], ['ann']])
    await live(10, 100)
    const both = [
      { connected: true, counter: 1 },
      { connected: false, counter: 200 },
    ]
    assert.equal((await report(201, both)).status, 204)
    await connect(two, 1)
    assert.equal((await report(202, both)).status, 204)
    await live(10, 300)
    assert.deepEqual([told(), await online('ann')], [['ann online', 'ann offline'], []])
  })

  it('of which something is still owed is made up for by the next report', async () => {
    await live(5, 1)
    const coming = [{ connected: true, counter: 10 }]
    world.failures = 1
    assert.equal((await report(11, coming)).status, 503)
    assert.deepEqual(told(), [])
    assert.equal((await report(12, coming)).status, 204)
    assert.deepEqual(told(), ['ann online'])
  })

  it('of one who cannot be noted keeps back nobody else', async () => {
    await world.store.create({ ...users, schema: z.any() }, 'eve', 'nothing that it should be')
    const devices = [
      { connected: true, counter: 1, userId: 'eve' },
      { connected: true, counter: 2 },
    ]
    assert.equal((await report(3, devices)).status, 204)
    assert.deepEqual(await online('ann'), ['ann'])
  })

  it('an old going that is reported with a coming does not undo it', async () => {
    const coming = { connected: true, counter: 40 }
    const old = new Date(world.clock.now() - timing.tombstoneMs - 1).toISOString()
    const going = { connected: false, counter: 50, socketId: 't', at: old }
    assert.equal((await report(60, [going, coming])).status, 204)
    assert.deepEqual(await online('ann'), ['ann'])
  })

  it('a report keeps the lease of its node', async () => {
    await connect(one, 1)
    for (let i = 0; i < 30; i += 5) {
      assert.equal((await report(100 + i, [])).status, 204)
      await pass(5_000)
    }
    assert.deepEqual(await online('ann'), ['ann'])
    await pass(timing.leaseMs)
    assert.deepEqual(await online('ann'), [])
  })

  it('many devices at once on two replicas are one change', async () => {
    const all = Array.from({ length: 40 }, (_, i) => connect(i % 2 ? one : two, i + 1, { socketId: `s${i}` }))
    assert.deepEqual(new Set(await Promise.all(all)), new Set([200]))
    assert.ok(world.published.every(({ rev, status }) => rev === 1 && status === 'online'))
  })
})

describe('a node that dies', () => {
  it('takes all its people along, and gives them back when it was only cut off', async () => {
    const people = Array.from({ length: 30 }, (_, i) => `u${i}`)
    await Promise.all(people.map((userId, i) => connect(one, i + 1, { userId, socketId: userId })))
    await connect(one, 99, { node: 'b', userId: 'u0', socketId: 'other' })
    await beat(one, 100)
    world.published.length = 0
    for (let i = 0; i < 4; i++) {
      await beat(one, 101 + i, { node: 'b' })
      await pass(5_000)
    }
    assert.equal(told().length, 29, 'who has a device elsewhere stays')
    assert.ok(world.published.every(({ status }) => status === 'offline'))
    await beat(two, 105)
    await pass(1_000)
    await pass(1_000)
    assert.equal(told().filter((line) => line.endsWith('online')).length, 29)
    assert.equal((await online(...people)).length, 30)
  })

  it('closing ends it at once, and what it said before cannot bring it back', async () => {
    await connect(one, 1)
    await beat(one, 9, { closing: true })
    await beat(two, 8)
    await connect(two, 2, { socketId: 't' })
    assert.deepEqual(await online('ann'), [])
    await pass(1_000)
    await pass(timing.graceMs)
    assert.deepEqual(told(), ['ann online', 'ann offline'])
  })

  it('a new epoch ends the devices of the older, and older events are ignored', async () => {
    await connect(one, 1)
    await beat(one, 1, { epoch: 2 })
    await connect(two, 2, { socketId: 't' })
    await pass(1_000)
    await beat(one, 2, { epoch: 2 })
    await pass(timing.graceMs)
    assert.deepEqual(told(), ['ann online', 'ann offline'])
    await connect(one, 3, { epoch: 2, socketId: 'u' })
    assert.equal(told().at(-1), 'ann online')
  })

  it('one that dies before its first heartbeat is found as well', async () => {
    await connect(one, 1)
    await pass(timing.leaseMs)
    await pass(timing.graceMs)
    assert.deepEqual(told(), ['ann online', 'ann offline'])
  })

  it('is forgotten in the end', async () => {
    await connect(one, 1)
    const event = device(2, { socketId: 't' })
    for (let i = 0; i < 4; i++) await pass(timing.leaseMs)
    await pass(timing.forgetNodeMs)
    world.published.length = 0
    await one.event(presenceConnected, event as never)
    assert.deepEqual([told(), await online('ann')], [[], []])
  })
})

describe('crashes between two steps', () => {
  it('a publish that failed is made up for when the event comes again, anywhere', async () => {
    world.failures = 1
    assert.equal(await connect(one, 1), 500)
    assert.deepEqual(told(), [])
    assert.equal(await connect(two, 1), 200)
    assert.deepEqual(told(), ['ann online'])
  })

  it('a publish that failed in a round is made up for in the next', async () => {
    await connect(one, 1)
    await disconnect(one, 2)
    world.failures = 1
    world.clock.advance(timing.graceMs)
    await assert.rejects(one.round())
    await two.round()
    await one.round()
    assert.deepEqual(told(), ['ann online', 'ann offline'])
  })
})

describe('own status and who sees it', () => {
  const set = (status: string, text?: string) =>
    one.request('PUT', '/api/presence/me', { as: 'ann', body: { status, text } })

  it('is kept, shows while connected, and invisible looks offline', async () => {
    assert.equal((await set('dnd', 'busy')).status, 204)
    assert.deepEqual(told(), [])
    await connect(one, 1)
    assert.deepEqual(world.published[0], {
      ...{ userId: 'ann', status: 'dnd', text: 'busy', lastSeenAt: at(), rev: 1 },
    })
    const hiddenAt = at()
    await set('invisible')
    await live(20, 10)
    await disconnect(one, 2)
    await live(20, 40)
    assert.deepEqual(told(), ['ann dnd', 'ann offline'])
    const { body } = await two.request('GET', '/api/presence?userIds=ann', { as: 'bob' })
    assert.deepEqual(body.items, [{ userId: 'ann', status: 'offline', lastSeenAt: hiddenAt, rev: 2 }])
  })

  it('invisible still counts as connected for a push', async () => {
    await set('invisible')
    await connect(one, 1)
    assert.deepEqual([told(), await online('ann')], [[], ['ann']])
  })

  it('is left out for those who share no conversation', async () => {
    const { body } = await one.request('GET', '/api/presence?userIds=ann,carl,ann,dora', { as: 'dora' })
    assert.deepEqual(
      body.items.map((item: { userId: string }) => item.userId),
      ['ann', 'dora'],
    )
    const watch = { userId: 'bob', userIds: ['ann', 'carl'] }
    const internal = await one.request('POST', '/internal/watch', { from: 'realtime', body: watch })
    assert.deepEqual(internal.body, {
      items: [{ userId: 'ann', status: 'offline', lastSeenAt: null, rev: 0 }],
    })
  })

  const refused: [string, string, object, number][] = [
    ['GET', '/api/presence?userIds=ann', {}, 401],
    ['GET', '/api/presence', { as: 'ann' }, 422],
    ['PUT', '/api/presence/me', { as: 'ann', body: { status: 'offline' } }, 422],
    ['POST', '/internal/online', { from: 'realtime', body: { userIds: [] } }, 403],
    ['POST', '/internal/visibility', { from: 'notifications', body: { userId: 'ann' } }, 403],
    ['POST', '/internal/watch', { from: 'gateway', body: { userId: 'a', userIds: [] } }, 403],
  ]
  for (const [method, path, options, status] of refused)
    it(`${method} ${path} answers ${status} where it must`, async () =>
      assert.equal((await one.request(method, path, options)).status, status))
})
