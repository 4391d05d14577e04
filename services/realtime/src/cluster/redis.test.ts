import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, it } from 'node:test'
import { presenceChanged } from '@parley/contracts'
import { createLogger } from '@parley/kit'
import { freePort } from '@parley/testkit'
import { Redis } from 'ioredis'
import { type Realtime, startRealtime } from '../testing/harness.ts'
import { connectRedis } from './redis.ts'

const hasRedis = spawnSync('redis-server', ['--version']).status === 0
const logger = createLogger('realtime', process.env.LOG_LEVEL ?? 'silent')

describe('several nodes over Redis', {
  skip: !hasRedis && 'there is no redis-server on this machine',
}, () => {
  const nodes: Realtime[] = []
  let redis: ChildProcess | undefined

  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.close()))
    redis?.kill()
  })

  async function startRedis(port: number): Promise<void> {
    redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
      stdio: 'ignore',
    })
    const probe = new Redis(port, { maxRetriesPerRequest: null, retryStrategy: () => 20 })
    probe.on('error', () => {})
    await probe.ping()
    probe.disconnect()
  }

  async function startNode(port: number, name: string): Promise<Realtime> {
    const clients = connectRedis(`redis://127.0.0.1:${port}`, logger)
    const node = await startRealtime({ node: name, redis: clients })
    nodes.push(node)
    await until(() => clients.check() === 'ok')
    return node
  }

  it('brings an event to the sockets of every node, and survives a Redis that goes and comes back', async () => {
    const port = await freePort()
    await startRedis(port)
    const [a, b] = [await startNode(port, 'a'), await startNode(port, 'b')]
    for (const node of [a, b]) node.room('room', 'ann', 'bob')
    const [ann, bob] = [await a.ready('ann'), await b.ready('bob')]

    const append = () => {
      const entries = a.append('room', a.message('room'))
      b.append('room', b.message('room'))
      return entries
    }
    await a.tell('room', append())
    await Promise.all([ann.next('entry'), bob.next('entry')])
    ann.socket.emit('typing:stop', { conversationId: 'room' })
    await bob.next('typing')

    redis?.kill('SIGKILL')
    if (redis) await once(redis, 'exit')
    // Lost for the other node, not for this one; and no rejection ends the process.
    for (let i = 0; i < 20; i++) await a.tell('room', append())
    ann.socket.emit('typing:stop', { conversationId: 'room' })
    await ann.next('entry', 21)
    assert.deepEqual(bob.seqs(), [1])

    await startRedis(port)
    // The next entry that gets through shows the gap, and the node fetches what it missed.
    for (let i = 0; bob.seqs().length < 22 && i < 200; i++) {
      await a.tell('room', append())
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const seqs = bob.seqs()
    assert.deepEqual(
      seqs,
      seqs.map((_, i) => i + 1),
    )
    assert.ok(seqs.length >= 22)
  })

  it('leaves the sockets of the others alone when one goes down', async () => {
    const port = await freePort()
    await startRedis(port)
    const [a, b] = [await startNode(port, 'a'), await startNode(port, 'b')]
    for (const node of [a, b]) node.room('room', 'ann', 'bob')
    const [ann, bob] = [await a.ready('ann'), await b.ready('bob')]
    await a.app.drain()
    await a.app.close()
    await ann.next('disconnect')
    await b.tell('room', b.append('room', b.message('room')))
    await bob.next('entry')
    assert.deepEqual(bob.all('disconnect'), [])
    assert.ok((await bob.ask('sync', { cursors: {} })).ok)
  })

  it('drops what another version of a node sends and this one does not understand', async () => {
    const port = await freePort()
    await startRedis(port)
    const [a, b] = [await startNode(port, 'a'), await startNode(port, 'b')]
    const ann = await b.ready('ann')
    b.world.visible = [{ userId: 'bob' as never, status: 'online', lastSeenAt: null }]
    await ann.ask('presence:watch', { userIds: ['bob'] })
    const publisher = new Redis(port)
    for (const event of [{ topic: 'toString' }, { topic: 'message.stored', data: {} }]) {
      const packet = { uid: 'other', type: 6, data: ['event', event] }
      await publisher.publish('parley-request#/#', JSON.stringify(packet))
    }
    publisher.disconnect()
    await a.event(presenceChanged, { items: [{ userId: 'bob', status: 'away', lastSeenAt: null }] })
    assert.equal((await ann.next('presence')).status, 'away')
  })
})

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(holds())
}
