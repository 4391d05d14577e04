import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import * as documents from './documents.ts'
import { maxAttempts } from './domain/attempt.ts'
import { pushWithinMs } from './domain/recipients.ts'
import { failuresInARow, restMs } from './fitness.ts'
import { claimMs, maxEntries } from './outbox.ts'
import type { Device } from './testing/push-service.ts'
import {
  conversationOf,
  messageOf,
  type Replica,
  startReplica,
  startWorld,
  type World,
} from './testing/replica.ts'

let world: World
let one: Replica
let two: Replica
beforeEach(async () => {
  world = await startWorld()
  one = await startReplica(world)
  two = await startReplica(world)
})
afterEach(async () => {
  assert.deepEqual(world.push.refusals, [], 'each push could be read, and was signed')
  await Promise.all([one.close(), two.close()])
  await world.close()
})

const newDevice = async (userId: string): Promise<Device> => {
  const device = world.push.newDevice()
  assert.equal((await one.subscribe(userId, device)).status, 201)
  return device
}
const members = ['ann', 'bob', 'cid']
const message = (seq: number, more = {}) => conversationOf([messageOf(world.clock, seq, more)], members)
const idle = () => Promise.all([one.idle(), two.idle()])
/** The message is stored, and what follows from it is done. */
const announce = async (...conversations: unknown[]) => {
  assert.equal(await one.stored(...conversations), 200)
  await idle()
}
const pass = async (ms: number) => {
  world.clock.advance(ms)
  await idle()
}
const seqs = ({ received }: Device) => received.map(({ payload }) => payload.seq)
const owed = async () => {
  const shards = Array.from({ length: documents.outboxCount }, (_, shard) => String(shard))
  const found = await world.store.getMany(documents.outbox, shards)
  return [...found.values()].flatMap(({ value }) => Object.keys(value.entries))
}

describe('a push', () => {
  it('that nobody wants costs no look at the outbox', async () => {
    const read: string[] = []
    one.step = (access, family) => {
      if (access === 'getMany') read.push(family)
      return undefined
    }
    assert.equal(await one.stored(message(1)), 200)
    assert.deepEqual(read, [documents.subscriptions.prefix])
  })

  it('reaches each device of a person who is away, encrypted for it and signed', async () => {
    const [phone, laptop] = [await newDevice('bob'), await newDevice('bob')]
    await announce(message(1))
    const { publicKey } = (await two.request('bob', 'GET', 'vapid-public-key')).body
    for (const device of [phone, laptop]) {
      const [push] = device.received
      assert.deepEqual(push?.payload, {
        title: 'Analysts',
        body: 'ANN: text 1',
        conversationId: 'c1',
        seq: 1,
        tag: 'c1',
      })
      assert.equal(push?.vapidKey, publicKey)
      assert.deepEqual(
        [push?.claims.aud, push?.claims.sub],
        [world.push.origin, 'mailto:push@parley.example'],
      )
      const { ttl, urgency, topic } = push?.headers ?? {}
      assert.deepEqual([ttl, urgency], [String(pushWithinMs / 1000), 'high'])
      assert.match(String(topic), /^[A-Za-z0-9_-]{1,32}$/)
      assert.equal(String(topic).includes('c1'), false)
    }
    assert.deepEqual(await owed(), [])
  })

  it('fits, whatever was written', async () => {
    const device = await newDevice('bob')
    await announce(message(1, { text: '語'.repeat(4_000) }))
    const bytes = device.received[0]?.encryptedBytes ?? 0
    assert.ok(bytes > 700 && bytes <= 4_096, `${bytes} bytes`)
  })

  it('does not go to the sender, to who is connected, or to who is no member', async () => {
    const devices = await Promise.all(['ann', 'bob', 'cid', 'eve'].map(newDevice))
    world.online.add('cid')
    await announce(message(1, { mentions: ['eve'] }))
    assert.deepEqual(devices.map(seqs), [[], [1], [], []])
  })

  it('goes in a large conversation to the mentioned members alone', async () => {
    const devices = await Promise.all(['ann', 'bob', 'cid', 'eve'].map(newDevice))
    world.members.set('c1', members)
    const mentions = ['ann', 'bob', 'eve']
    await announce(conversationOf([messageOf(world.clock, 1, { mentions }), messageOf(world.clock, 2)]))
    assert.deepEqual(devices.map(seqs), [[], [1], [], []])
  })

  it('of a large conversation that is gone goes to nobody', async () => {
    const device = await newDevice('bob')
    await announce(conversationOf([messageOf(world.clock, 1, { mentions: ['bob'] })]))
    assert.deepEqual(seqs(device), [])
  })

  it('follows the preferences', async () => {
    const [bob, cid] = [await newDevice('bob'), await newDevice('cid')]
    await one.request('bob', 'PUT', 'preferences', { push: 'mentions', preview: false })
    await one.request('cid', 'PUT', 'preferences', { push: 'none', preview: true })
    await announce(message(1))
    await announce(message(2, { mentions: ['bob', 'cid'] }))
    assert.deepEqual([seqs(bob), seqs(cid)], [[2], []])
    assert.equal(bob.received[0]?.payload.body, 'New message')
  })

  it('is not made of what is too old to be news', async () => {
    const device = await newDevice('bob')
    const old = message(1)
    world.clock.advance(pushWithinMs)
    await announce(old)
    assert.deepEqual(seqs(device), [])
  })

  it('is made of an event of many conversations, each for its own members', async () => {
    const [bob, cid] = [await newDevice('bob'), await newDevice('cid')]
    const of = (id: string, seq: number, userId: string) =>
      conversationOf([messageOf(world.clock, seq, { conversationId: id })], ['ann', userId])
    await announce(of('c1', 1, 'bob'), of('c2', 2, 'cid'), of('c3', 3, 'bob'))
    assert.deepEqual([seqs(bob).sort(), seqs(cid)], [[1, 3], [2]])
    assert.equal(world.calls.filter((id) => id === 'internalOnline').length, 1)
  })

  it('costs others nothing where nobody has subscribed', async () => {
    await announce(message(1))
    assert.deepEqual(world.calls, [])
  })
})

describe('what the other services do not answer', () => {
  it('presence: rather a push too many', async () => {
    const device = await newDevice('bob')
    world.failing.add('internalOnline')
    await announce(message(1))
    assert.deepEqual(seqs(device), [1])
  })

  it('auth: without a name', async () => {
    const device = await newDevice('bob')
    world.failing.add('lookUpUsers')
    await announce(message(1))
    assert.equal(device.received[0]?.payload.body, 'Someone: text 1')
  })

  it('messages: the event comes again, because nobody else may be told', async () => {
    const device = await newDevice('bob')
    world.failing.add('internalConversation')
    const large = conversationOf([messageOf(world.clock, 1, { mentions: ['bob'] })])
    assert.equal(await one.stored(large), 500)
    world.failing.clear()
    world.members.set('c1', members)
    await announce(large)
    assert.deepEqual(seqs(device), [1])
  })
})

describe('an event that comes again', () => {
  it('pushes once, at all replicas, at once or later', async () => {
    const device = await newDevice('bob')
    const event = message(1)
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).stored(event)))
    await idle()
    await announce(event)
    world.clock.advance(pushWithinMs - 1)
    await announce(event)
    assert.deepEqual(seqs(device), [1])
  })

  it('pushes once though the same message is in it twice', async () => {
    const device = await newDevice('bob')
    const entry = messageOf(world.clock, 1)
    await announce(conversationOf([entry, entry], members), conversationOf([entry], members))
    assert.deepEqual(seqs(device), [1])
  })

  it('brings back what was recorded but not yet in the outbox when the service died', async () => {
    const device = await newDevice('bob')
    one.step = (_access, family) => {
      if (family === 'outbox') throw new Error('killed')
      return undefined
    }
    assert.equal(await one.stored(message(1)), 500)
    await idle()
    assert.deepEqual(seqs(device), [])
    assert.equal(await two.stored(message(1)), 200)
    await idle()
    assert.deepEqual(seqs(device), [1])
  })
})

describe('a service that dies', () => {
  /** From there on the store does nothing for this replica. */
  const kill = (replica: Replica, at: (access: string, family: string) => boolean) => {
    let dead = false
    replica.step = (access, family) => {
      dead ||= at(access, family)
      if (dead) throw new Error('killed')
      return undefined
    }
  }

  it('after the claim and before the push: another pushes when the claim has run out', async () => {
    const device = await newDevice('bob')
    kill(one, (access, family) => access === 'get' && family === 'pushed')
    await announce(message(1))
    assert.deepEqual(seqs(device), [])
    await pass(claimMs - 1)
    assert.deepEqual(seqs(device), [])
    await pass(1)
    assert.deepEqual(seqs(device), [1])
  })

  it('after the push and before the note of it: once more, under the same topic and tag', async () => {
    const device = await newDevice('bob')
    kill(one, (access, family) => access === 'replace' && family === 'pushed')
    await one.stored(message(1))
    await one.idle()
    assert.deepEqual(seqs(device), [1])
    await two.idle()
    assert.deepEqual(seqs(device), [1], 'not before the claim has run out')
    await pass(claimMs)
    assert.deepEqual(seqs(device), [1, 1])
    assert.equal(new Set(device.received.map(({ headers }) => headers.topic)).size, 1)
    assert.equal(new Set(device.received.map(({ payload }) => payload.tag)).size, 1)
    await pass(claimMs)
    assert.equal(device.received.length, 2)
  })

  it('is not needed for what it leaves behind: others look for it by themselves', async () => {
    const device = await newDevice('bob')
    kill(one, (access, family) => access === 'get' && family === 'pushed')
    await announce(message(1))
    world.clock.advance(claimMs)
    two.start()
    for (const deadline = Date.now() + 30_000; device.received.length === 0; ) {
      assert.ok(Date.now() < deadline, 'nobody has pushed')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.deepEqual(seqs(device), [1])
  })

  it('after the note and before the outbox knows: no more', async () => {
    const device = await newDevice('bob')
    let noted = false
    kill(one, (access, family) => {
      const dies = noted && family === 'outbox'
      noted ||= access === 'replace' && family === 'pushed'
      return dies
    })
    await one.stored(message(1))
    await one.idle()
    await pass(claimMs)
    assert.deepEqual([seqs(device), await owed()], [[1], []])
  })
})

describe('a store that does not say what it did', () => {
  for (const what of ['landed', 'lost'] as const)
    it(`with the note of a push, which ${what}: no second push`, async () => {
      const device = await newDevice('bob')
      const lies = [what]
      one.step = (access, family) => (access === 'replace' && family === 'pushed' ? lies.shift() : undefined)
      await announce(message(1))
      assert.deepEqual([seqs(device), await owed(), lies], [[1], [], []])
      await pass(claimMs)
      assert.deepEqual(seqs(device), [1])
    })
})

describe('a push service that', () => {
  it('is busy is asked again, when it said', async () => {
    const device = await newDevice('bob')
    world.push.plan(device, { status: 429, headers: { 'retry-after': '600' } }, { status: 503 })
    await announce(message(1))
    await pass(599_000)
    assert.deepEqual(seqs(device), [])
    await pass(1_000)
    assert.deepEqual(seqs(device), [], 'busy again: eight seconds, more or less')
    await pass(12_000)
    assert.deepEqual(seqs(device), [1])
    assert.deepEqual(await owed(), [])
  })

  it('fails for good is given up', async () => {
    const device = await newDevice('bob')
    const failures = Array.from({ length: maxAttempts }, () => ({ status: 500 }))
    world.push.plan(device, ...failures)
    await announce(message(1))
    for (let i = 0; i < maxAttempts; i++) await pass(200_000)
    assert.deepEqual([seqs(device), await owed()], [[], []])
    await announce(message(2))
    assert.deepEqual(seqs(device), [2], 'but not the device')
  })

  for (const status of [404, 410])
    it(`answers ${status}: the subscription is removed`, async () => {
      const [gone, other] = [await newDevice('bob'), await newDevice('bob')]
      world.push.plan(gone, { status })
      await announce(message(1))
      await announce(message(2))
      assert.deepEqual([seqs(gone), seqs(other)], [[], [1, 2]])
      const list = (await world.store.get(documents.subscriptions, 'bob'))?.value.items
      assert.deepEqual(
        list?.map((item) => 'endpoint' in item && item.endpoint),
        [other.subscription.endpoint],
      )
    })

  it('refuses one push does not lose the next', async () => {
    const device = await newDevice('bob')
    world.push.plan(device, { status: 413 })
    await announce(message(1))
    await announce(message(2))
    assert.deepEqual([seqs(device), await owed()], [[2], []])
  })

  it('fails all the time is asked once a minute, and never twice for one message', async () => {
    const device = await newDevice('bob')
    world.push.plan(device, ...Array.from({ length: 100 }, () => ({ status: 500 })))
    let seq = 0
    const fail = async () => assert.equal(await one.stored(message(++seq)), 200)
    for (let i = 0; i < failuresInARow; i++) await fail().then(() => one.idle())
    for (let i = 0; i < maxAttempts; i++) {
      world.clock.advance(200_000)
      await one.idle()
    }
    assert.deepEqual(await owed(), [], 'each had its retries')
    world.push.plan(device, { status: 500 })
    await fail()
    await one.idle()
    assert.deepEqual([seqs(device), await owed()], [[], []], 'one try, no retry')
    await fail()
    await one.idle()
    assert.deepEqual(seqs(device), [], 'not asked in this minute, or it would have taken it')
    world.clock.advance(restMs)
    await fail()
    await fail()
    await one.idle()
    assert.deepEqual(seqs(device).length, 2, 'well again')
  })
})

describe('a full outbox', () => {
  const fill = async (retry: boolean) => {
    const entry = (i: number) => ({
      at: world.clock.now() + 1_000 * (i + 1),
      ticket: 'x',
      ...(retry && { retry: true as const }),
    })
    for (let shard = 0; shard < documents.outboxCount; shard++) {
      const entries = Object.fromEntries(
        Array.from({ length: maxEntries }, (_, i) => [`c9:${i}:s${shard}`, entry(i)]),
      )
      await world.store.create(documents.outbox, String(shard), { entries })
    }
  }

  it('leaves the event with the broker', async () => {
    const device = await newDevice('bob')
    await fill(false)
    assert.equal(await one.stored(message(1)), 500)
    await one.idle()
    assert.deepEqual(seqs(device), [])
    for (let shard = 0; shard < documents.outboxCount; shard++)
      await world.store.delete(documents.outbox, String(shard))
    await announce(message(1))
    assert.deepEqual(seqs(device), [1])
  })

  it('makes room for a message where only retries fill it: the one that would wait longest goes', async () => {
    const device = await newDevice('bob')
    await fill(true)
    await announce(message(1))
    assert.deepEqual(seqs(device), [1])
    const left = await owed()
    assert.equal(left.length, documents.outboxCount * maxEntries - 1)
    assert.equal(
      left.filter((key) => key.startsWith(`c9:${maxEntries - 1}:`)).length,
      documents.outboxCount - 1,
    )
  })

  it('is worked off, the oldest first, more than can be carried at once', async () => {
    const devices = await Promise.all(Array.from({ length: 10 }, () => newDevice('bob')))
    for (let seq = 1; seq <= 20; seq++) assert.equal(await one.stored(message(seq)), 200)
    await idle()
    for (const device of devices) assert.equal(new Set(seqs(device)).size, 20)
    assert.deepEqual(await owed(), [])
  })
})

it('is ready when its sidecar and its store answer', async () => {
  const answer = await one.request('bob', 'GET', '../../readyz')
  assert.deepEqual(answer.body.checks, { sidecar: 'ok', 'notifications-store': 'ok' })
})

it('an event that is not of its contract is dropped', async () => {
  assert.equal(await one.stored({ conversationId: 'c1' }), 200)
})
