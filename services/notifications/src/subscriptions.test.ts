import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import * as documents from './documents.ts'
import { maxSubscriptions, unsubscribedForMs } from './subscriptions.ts'
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
  await Promise.all([one.close(), two.close()])
  await world.close()
})

let seq = 0
/** Ann writes to Bob and Cid. */
async function announce(members = ['ann', 'bob', 'cid']): Promise<void> {
  const entry = messageOf(world.clock, ++seq)
  assert.equal(await one.stored(conversationOf([entry], members)), 200)
  await Promise.all([one.idle(), two.idle()])
}
const listOf = async (userId: string) =>
  (await world.store.get(documents.subscriptions, userId))?.value.items.map(
    (item) => 'endpoint' in item && item.endpoint,
  ) ?? []
const endpointOf = ({ subscription }: Device) => subscription.endpoint

describe('subscribing', () => {
  it('is new once, the same after that, at any replica', async () => {
    const device = world.push.newDevice()
    const first = await one.subscribe('bob', device)
    assert.deepEqual([first.status, first.body], [201, { id: first.body.id, kind: 'webpush' }])
    const again = await two.subscribe('bob', device)
    assert.deepEqual([again.status, again.body], [200, first.body])
    assert.deepEqual(await listOf('bob'), [endpointOf(device)])
  })

  it('of one endpoint many times at once leaves one', async () => {
    const device = world.push.newDevice()
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).subscribe('bob', device)),
    )
    assert.equal(new Set(all.map(({ body }) => body.id)).size, 1)
    assert.deepEqual(await listOf('bob'), [endpointOf(device)])
  })

  it('counts at once here, and a little later at another replica', async () => {
    const entries = () => messageOf(world.clock, ++seq)
    const push = async (replica: Replica) => {
      assert.equal(await replica.stored(conversationOf([entries()], ['ann', 'bob'])), 200)
      await replica.idle()
    }
    await Promise.all([push(one), push(two)])
    const device = world.push.newDevice()
    await one.subscribe('bob', device)
    await push(two)
    assert.equal(device.received.length, 0)
    await push(one)
    assert.equal(device.received.length, 1)
    world.clock.advance(unsubscribedForMs + 1)
    await push(two)
    assert.equal(device.received.length, 2)
  })

  it('again takes the newer keys', async () => {
    const device = world.push.newDevice()
    const { keys } = world.push.newDevice().subscription
    await one.subscribe('bob', { ...device, subscription: { ...device.subscription, keys } })
    await one.subscribe('bob', device)
    await announce()
    assert.equal(device.received.length, 1, 'which it could not read with the other keys')
    assert.deepEqual(world.push.refusals, [])
  })

  it('with more devices than there is room for: the oldest goes', async () => {
    const devices = Array.from({ length: maxSubscriptions + 1 }, () => world.push.newDevice())
    for (const device of devices.slice(0, -1)) await one.subscribe('bob', device)
    const [first, second] = devices
    await one.subscribe('bob', first as Device)
    await one.subscribe('bob', devices.at(-1) as Device)
    const list = await listOf('bob')
    assert.equal(list.length, maxSubscriptions)
    assert.equal(list.includes(endpointOf(second as Device)), false)
    assert.equal(list.includes(endpointOf(first as Device)), true, 'subscribed again, it is not the oldest')
  })

  const good = { endpoint: 'https://push.example.com/x', keys: {} }
  const p256dh = 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'
  const auth = 'BTBZMqHH6r4Tts7J_aSIgg'
  const keys = { p256dh, auth }
  const refused: readonly (readonly [name: string, body: unknown, code: string, detail?: RegExp])[] = [
    [
      'a loopback address of another scheme',
      { endpoint: 'http://localhost/x', keys },
      'endpoint_refused',
      /https/,
    ],
    ['a private address', { endpoint: 'https://10.0.0.1/x', keys }, 'endpoint_refused', /public address/],
    [
      'metadata of a cloud',
      { endpoint: 'https://169.254.169.254/x', keys },
      'endpoint_refused',
      /public address/,
    ],
    ['another port', { endpoint: 'https://push.example.com:8443/x', keys }, 'endpoint_refused', /443/],
    ['credentials', { endpoint: 'https://a:b@push.example.com/x', keys }, 'endpoint_refused', /credentials/],
    ['no URL', { endpoint: 'push', keys }, 'invalid_body', /endpoint/],
    [
      'a URL without end',
      { endpoint: `https://push.example.com/${'x'.repeat(2048)}`, keys },
      'invalid_body',
      /endpoint/,
    ],
    ['no keys', good, 'invalid_body', /p256dh/],
    ['a key that is no base64url', { ...good, keys: { p256dh: '+/+/', auth } }, 'invalid_body', /p256dh/],
    [
      'a key that is too short',
      { ...good, keys: { p256dh: p256dh.slice(0, 40), auth } },
      'invalid_body',
      /p256dh/,
    ],
    [
      'a key that is no point',
      { ...good, keys: { p256dh: `BA${p256dh.slice(2)}`, auth } },
      'invalid_body',
      /p256dh/,
    ],
    [
      'a secret that is too short',
      { ...good, keys: { p256dh, auth: auth.slice(0, 8) } },
      'invalid_body',
      /auth/,
    ],
  ]
  for (const [name, subscription, code, detail] of refused)
    it(`with ${name} is refused as ${code}`, async () => {
      const answer = await one.request('bob', 'POST', 'subscriptions', { kind: 'webpush', subscription })
      assert.deepEqual([answer.status, answer.body.code], [422, code])
      if (detail) assert.match(answer.body.detail, detail)
      assert.deepEqual(await listOf('bob'), [])
    })

  it('takes what a browser sends, its expiration time too', async () => {
    const subscription = { endpoint: 'https://push.example.com/x', expirationTime: null, keys }
    const answer = await one.request('bob', 'POST', 'subscriptions', { kind: 'webpush', subscription })
    assert.equal(answer.status, 201)
  })

  it('of a kind that this installation has not is refused', async () => {
    const sns = await one.request('bob', 'POST', 'subscriptions', { kind: 'sns', device: 'd' })
    assert.equal(sns.body.code, 'endpoint_refused')
    assert.match(sns.body.detail, /no SNS topic: .* `push-sns`/)
    assert.equal(
      (await one.request('bob', 'POST', 'subscriptions', { kind: 'pigeon' })).body.code,
      'invalid_body',
    )
  })
})

describe('unsubscribing', () => {
  it('ends the pushes to this device, and only to this', async () => {
    const [phone, laptop] = [world.push.newDevice(), world.push.newDevice()]
    const { body } = await one.subscribe('bob', phone)
    await one.subscribe('bob', laptop)
    assert.equal((await two.request('bob', 'DELETE', `subscriptions/${body.id}`)).status, 204)
    await announce()
    assert.deepEqual([phone.received.length, laptop.received.length], [0, 1])
    const again = await one.request('bob', 'DELETE', `subscriptions/${body.id}`)
    assert.deepEqual([again.status, again.body.code], [404, 'subscription_not_found'])
  })

  it('is for the owner alone', async () => {
    const device = world.push.newDevice()
    const { body } = await one.subscribe('bob', device)
    const answer = await one.request('cid', 'DELETE', `subscriptions/${body.id}`)
    assert.deepEqual([answer.status, answer.body.code], [404, 'subscription_not_found'])
    await announce()
    assert.equal(device.received.length, 1)
  })

  it('ends a push that is still owed', async () => {
    const device = world.push.newDevice()
    const { body } = await one.subscribe('bob', device)
    world.push.plan(device, { status: 503 })
    await announce()
    await one.request('bob', 'DELETE', `subscriptions/${body.id}`)
    world.clock.advance(60_000)
    await one.idle()
    assert.equal(device.received.length, 0)
  })
})

describe('a browser that another person logs in at', () => {
  it('tells the other person from then on, and nothing of the first', async () => {
    const device = world.push.newDevice()
    await one.subscribe('bob', device)
    world.push.plan(device, { status: 503 })
    await announce()
    assert.equal((await two.subscribe('cid', device)).status, 201)
    world.clock.advance(60_000)
    await one.idle()
    assert.equal(device.received.length, 0, 'what was owed to Bob')
    assert.deepEqual([await listOf('bob'), await listOf('cid')], [[], [endpointOf(device)]])
    await announce()
    assert.deepEqual(
      device.received.map(({ payload }) => payload.seq),
      [seq],
    )
  })

  it('does so even if the service dies in the middle', async () => {
    const device = world.push.newDevice()
    await one.subscribe('bob', device)
    world.push.plan(device, { status: 503 })
    await announce()
    // Owned by Cid now, and still in the list of Bob.
    one.step = (access, family) => {
      if (access === 'replace' && family === 'subs') throw new Error('killed')
      return undefined
    }
    assert.equal((await one.subscribe('cid', device)).status, 500)
    one.step = () => undefined
    world.clock.advance(60_000)
    await announce()
    assert.equal(device.received.length, 0, 'nothing of Bob, owed or new')
    await one.subscribe('cid', device)
    await announce(['ann', 'bob', 'cid'])
    await announce(['cid', 'bob', 'ann'])
    assert.equal(device.received.length, 2, 'one push each, though both are to be told')
  })
})

describe('preferences', () => {
  it('are all with preview until they are chosen', async () => {
    assert.deepEqual((await one.request('bob', 'GET', 'preferences')).body, { push: 'all', preview: true })
    const chosen = { push: 'mentions', preview: false }
    assert.deepEqual((await one.request('bob', 'PUT', 'preferences', chosen)).body, chosen)
    assert.deepEqual((await two.request('bob', 'GET', 'preferences')).body, chosen)
    assert.deepEqual((await two.request('cid', 'GET', 'preferences')).body, { push: 'all', preview: true })
    const bad = await one.request('bob', 'PUT', 'preferences', { push: 'some', preview: true })
    assert.equal(bad.body.code, 'invalid_body')
  })
})
