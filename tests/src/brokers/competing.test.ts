import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { until } from '@parley/testkit'
import { directoryFor, prepare, provideServer, type Server } from '../conformance/servers.ts'
import { isLong, onlyInLong } from '../long.ts'
import { type Replica, startReplica } from './replica.ts'

const events = 200
const patienceMs = 120_000

/** How long the broker itself waits before it gives the events of a crashed replica to another one, and why. */
const brokers: readonly { folder: string; takeOverWithinMs?: number }[] = [
  { folder: 'rabbitmq', takeOverWithinMs: patienceMs },
  { folder: 'kafka', takeOverWithinMs: patienceMs }, // sessionTimeout
  { folder: 'nats', takeOverWithinMs: 60_000 + patienceMs }, // ackWait
  { folder: 'redis', takeOverWithinMs: 75_000 + patienceMs }, // processingTimeout, and redeliverInterval
  { folder: 'aws' }, // messageVisibilityTimeout: 16 minutes, as it is longer than an event may be retried
]

for (const { folder, takeOverWithinMs } of brokers) {
  const name = `two replicas on ${folder}`
  if (!isLong) {
    it(name, { skip: onlyInLong })
    continue
  }
  const { missing, start } = await provideServer(folder)
  if (missing !== undefined) {
    it(name, { skip: missing })
    continue
  }
  describe(name, () => {
    let server: Server
    let directory: string
    let replicas: [Replica, Replica]
    let count = 0
    before(async () => {
      server = await start()
      directory = await directoryFor([server])
      await prepare(directory)
      replicas = [await startReplica(folder, directory), await startReplica(folder, directory)]
      // A group of consumers takes a while to settle who gets what.
      await until(
        async () => {
          await replicas[0].publish(count++)
          return replicas.every(({ handled }) => handled.length > 0)
        },
        'both replicas are given events',
        patienceMs,
      )
    })
    after(async () => {
      for (const replica of replicas ?? []) await replica.stop()
      await server?.close()
      if (directory) await rm(directory, { recursive: true, force: true })
    })

    it('share the events: each is handled, by one of them', async () => {
      const [first, last] = [count, count + events - 1]
      for (; count <= last; count++) await replicas[count % 2]?.publish(count)
      const mine = (replica: Replica) => replica.handled.filter((number) => number >= first)
      await until(() => replicas.flatMap(mine).length >= events, 'all are handled', patienceMs)
      assert.deepEqual(
        replicas.flatMap(mine).sort((a, b) => a - b),
        Array.from({ length: events }, (_, i) => first + i),
      )
      for (const replica of replicas) assert.ok(mine(replica).length > 0)
    })

    it('the events of one that crashes come to the other', {
      skip: takeOverWithinMs === undefined ? 'its wait is longer than a test' : false,
    }, async () => {
      const [one, other] = replicas
      one.hold()
      await until(
        async () => {
          await other.publish(count++)
          return one.held.length > 0
        },
        'one replica holds an event',
        patienceMs,
      )
      const lost = [...one.held]
      one.crash()
      await until(
        () => lost.every((number) => other.handled.includes(number)),
        'the other has them',
        takeOverWithinMs,
      )
    })
  })
}
