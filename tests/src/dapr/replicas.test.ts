import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startParley } from '@parley/testkit'
import { isLong } from '../long.ts'
import { keepCalling } from '../people/caller.ts'
import type { Device } from '../people/device.ts'
import { hasRedis } from '../system/redis.ts'
import { type RealSystem, startReal } from './start.ts'
import { tool } from './tool.ts'
import { betweenMs, underTraffic } from './under-traffic.ts'

const oneOfEach = ['messages-2', 'auth', 'presence-2', 'notifications', 'realtime']
/** One in four is a message, of which a person may send 20 a second. */
const callEveryMs = 25
/** How long after the death of their node people may seem to be there. */
const goneWithinMs = 15_000

describe('two replicas of every service', { skip: !hasRedis && 'there is no redis-server here' }, () => {
  let chat: RealSystem
  before(async () => {
    chat = await startReal(['--profile', 'redis', '--replicas', '2'])
  })
  after(() => chat?.close())

  it('are one Parley, whichever node somebody is connected to', async () => {
    const [ann, bob] = await chat.people('ann', 'bob')
    const { id } = await ann.group('Team', [bob])
    const first = await oneEach(() => ann.device())
    const second = await oneEach(() => bob.device())
    await second[1].ok('presence:watch', { userIds: [ann.id] })
    const sends = Array.from({ length: 40 }, (_, i) => first[i % 2 ? 0 : 1].send(id, `${i}`))
    const last = Math.max(...(await Promise.all(sends)).map(({ seq }) => seq))
    const log = (await ann.log(id)).slice(-sends.length)
    for (const device of [...first, ...second]) {
      await device.until('entry', ({ seq }) => seq === last)
      assert.deepEqual(device.entries(id).slice(-sends.length), log)
    }
  })

  it('a SIGKILL of one of each in the middle of traffic loses nothing and doubles nothing', () =>
    underTraffic(chat, async () => {
      for (const what of ['app', 'daprd'] as const)
        for (const replica of ['messages-2', 'realtime', 'auth-2', 'presence', 'notifications-2']) {
          await chat.parley.kill(replica, what)
          await delay(betweenMs)
        }
    }))

  it('a rolling restart fails no call, loses nothing and doubles nothing', (t) =>
    underTraffic(
      chat,
      async () => {
        const [sue, tom] = await chat.people('sue', 'tom')
        const { id } = await sue.group('Calls', [tom])
        const callers = [sue, tom].map((person) => keepCalling(person, id, callEveryMs))
        await tool('restart', '--data', chat.parley.directory, ...(isLong ? [] : oneOfEach))
        for (const caller of callers) {
          const { calls, failed } = await caller.stop()
          assert.deepEqual(failed, [], `${failed.length} of ${calls} calls failed`)
        }
      },
      { teams: isLong ? 5 : 1, tell: (text) => t.diagnostic(text) },
    ))

  it('the people of a node that is killed are gone soon, but for those who are elsewhere, too', async () => {
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    await eve.group('Team', [ann, bob])
    const annThere = await oneEach(() => ann.device())
    const [bobElsewhere, bobThere] = await oneEach(() => bob.device())
    annThere[0].close()
    const watching = (await oneEach(() => eve.device()))[0]
    await watching.ok('presence:watch', { userIds: [ann.id, bob.id] })
    const killed = chat.parley.kill('realtime-2', 'app')
    await watching.until(
      'presence',
      ({ userId, status }) => userId === ann.id && status === 'offline',
      goneWithinMs,
    )
    await Promise.all([killed, annThere[1].gone(), bobThere.gone()])
    await Promise.all([bobElsewhere.settled(), watching.settled()])
    assert.deepEqual(
      watching.all('presence').filter(({ userId, status }) => userId === bob.id && status === 'offline'),
      [],
    )
  })
})

describe('a second replica', () => {
  it('is refused with a sentence on a broker that serves one', async () => {
    await assert.rejects(startParley({ args: ['--replicas', '2'] }), /The broker mqtt serves one replica/)
  })

  it('is refused with a sentence where the nodes cannot reach each other', async () => {
    const args = ['--broker', 'rabbitmq', '--replicas', '2']
    await assert.rejects(startParley({ args }), /Several nodes of realtime reach each other over Redis/)
  })
})

/** A device at each of the two nodes, `realtime` first: whoever connects alone comes to one and then to the other. */
async function oneEach(connect: () => Promise<Device>): Promise<[Device, Device]> {
  const nodes: { first?: Device; second?: Device } = {}
  for (let tried = 0; !nodes.first || !nodes.second; tried++) {
    assert.ok(tried < 20, 'the gateway brings nobody to one of the nodes')
    const device = await connect()
    const at = (await device.until('ready')).node.endsWith('-2') ? 'second' : 'first'
    if (nodes[at]) device.close()
    else nodes[at] = device
  }
  return [nodes.first, nodes.second]
}
