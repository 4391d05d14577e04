import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ChatError } from '@parley/kit'
import type { OwedPush } from './documents.ts'
import { maxAttempts } from './domain/attempt.ts'
import { pushWithinMs } from './domain/recipients.ts'
import { createSnsChannel } from './sns.ts'
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
beforeEach(async () => {
  world = await startWorld()
  world.sns = []
  one = await startReplica(world)
})
afterEach(async () => {
  await one.close()
  await world.close()
})

const subscribe = (as: string, device: string) =>
  one.request(as, 'POST', 'subscriptions', { kind: 'sns', device })
const announce = async (seq: number) => {
  assert.equal(await one.stored(conversationOf([messageOf(world.clock, seq)], ['ann', 'bob', 'cid'])), 200)
  await one.idle()
}
const published = () => world.sns?.map(({ userId, device, seq }) => [userId, device, seq])

describe('a subscription of the kind sns', () => {
  it('has its pushes published with the user and the device, beside those to browsers', async () => {
    const browser = world.push.newDevice()
    await one.subscribe('bob', browser)
    const { status, body } = await subscribe('bob', 'phone 7')
    assert.deepEqual([status, body.kind], [201, 'sns'])
    const validUntil = new Date(world.clock.now() + pushWithinMs).toISOString()
    await announce(1)
    const push = { title: 'Analysts', body: 'ANN: text 1', conversationId: 'c1', seq: 1, tag: 'c1' }
    assert.deepEqual(world.sns, [{ ...push, userId: 'bob', device: 'phone 7', validUntil }])
    assert.deepEqual(
      browser.received.map(({ payload }) => payload),
      [push],
    )
  })

  it('again is the same, of another person another: nobody takes over a device by its name', async () => {
    const [first, again, other] = [
      await subscribe('bob', 'phone'),
      await subscribe('bob', 'phone'),
      await subscribe('cid', 'phone'),
    ]
    assert.deepEqual([first.status, again.status, other.status], [201, 200, 201])
    assert.equal(again.body.id, first.body.id)
    await announce(1)
    assert.deepEqual(published()?.sort(), [
      ['bob', 'phone', 1],
      ['cid', 'phone', 1],
    ])
  })

  it('gets each message once, nothing while its person is connected, and nothing after it has ended', async () => {
    const { body } = await subscribe('bob', 'phone')
    await announce(1)
    await announce(1)
    world.online.add('bob')
    await announce(2)
    world.online.clear()
    assert.equal((await one.request('bob', 'DELETE', `subscriptions/${body.id}`)).status, 204)
    await announce(3)
    assert.deepEqual(published(), [['bob', 'phone', 1]])
  })

  it('is tried again while the topic does not answer, and given up at last', async () => {
    await subscribe('bob', 'phone')
    world.failing.add('push-sns')
    await announce(1)
    world.failing.clear()
    world.clock.advance(10_000)
    await one.idle()
    assert.deepEqual(published(), [['bob', 'phone', 1]])
    world.failing.add('push-sns')
    await announce(2)
    for (let tried = 0; tried < maxAttempts; tried++) {
      world.clock.advance(3_600_000)
      await one.idle()
    }
    world.failing.clear()
    world.clock.advance(3_600_000)
    await one.idle()
    assert.deepEqual(published(), [['bob', 'phone', 1]])
  })

  it('whose topic is gone is not pushed to', async () => {
    await subscribe('bob', 'phone')
    const sent = world.sns
    world.sns = undefined
    const later = await startReplica(world)
    assert.equal(await later.stored(conversationOf([messageOf(world.clock, 1)], ['ann', 'bob'])), 200)
    await later.idle()
    await later.close()
    assert.deepEqual(sent, [])
  })
})

it('a topic that refuses is told with its own words', async () => {
  const cause = new Error('POST /v1.0/bindings/push-sns: 500 AuthorizationError: no sns:Publish')
  const publish = createSnsChannel({ output: () => Promise.reject(new ChatError('unavailable', { cause })) })
  const push = { payload: '{}', userId: 'bob', validUntil: 0 } as OwedPush
  const attempt = await publish(push, { id: 's1', device: 'phone' })
  assert.ok(attempt.kind === 'failed')
  assert.match(attempt.reason, /AuthorizationError/)
})
