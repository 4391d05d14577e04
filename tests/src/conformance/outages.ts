/** What Parley runs on dies, and comes back. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppId } from '@parley/contracts'
import { inTime, until } from '@parley/testkit'
import { betweenMs, underTraffic } from '../dapr/under-traffic.ts'
import { settleMs } from '../people/traffic.ts'
import { listen } from './messages.ts'
import type { Server } from './servers.ts'
import type { Subject } from './subject.ts'

const outageMs = 3_000
const idleMs = 15_000

/** It is killed, and comes back with what it had on its disk. */
async function restart(server: Server): Promise<void> {
  // moto keeps everything in memory, as AWS does not: it answers nobody for a while.
  if (server.name === 'aws') {
    server.freeze()
    await delay(outageMs)
    return server.thaw()
  }
  await server.kill()
  await delay(outageMs)
  await server.start()
}

export const brokerRestart = ({ system, broker }: Subject): Promise<void> =>
  underTraffic(system, () => restart(broker))

/** One after the other. */
export const storeRestart = ({ system, stores }: Subject): Promise<void> =>
  underTraffic(system, async () => {
    for (const store of stores) {
      await restart(store)
      await delay(betweenMs)
    }
  })

const kills: readonly { readonly what: 'app' | 'daprd'; readonly apps: readonly AppId[] }[] = [
  { what: 'app', apps: ['messages'] },
  { what: 'app', apps: ['realtime'] },
  { what: 'app', apps: ['auth', 'presence'] },
  { what: 'daprd', apps: ['messages'] },
  { what: 'daprd', apps: ['realtime'] },
  { what: 'daprd', apps: ['notifications', 'gateway'] },
]

/** SIGKILL. Where there are replicas, a service is that of the last one and a sidecar that of the first. */
export const serviceRestart = ({ system, replicas }: Subject): Promise<void> =>
  underTraffic(system, async () => {
    for (const { what, apps } of kills) {
      const idOf = (app: AppId) => (what === 'app' && replicas > 1 ? `${app}-${replicas}` : app)
      await Promise.all(apps.map((app) => system.parley.kill(idOf(app), what)))
      await delay(betweenMs)
    }
  })

/**
 * Nobody writes for a while. Then the broker restarts, and one client's connection breaks: there is no traffic by which
 * anyone would notice. The next message is stored and reaches everybody. (Sidecars on NATS end with their connection, and
 * with that of realtime the connections of its clients: all of them may have to come back.)
 */
export async function idleReconnect({ system, broker }: Subject): Promise<void> {
  const [ann, bob] = await system.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const link = await openLink(system.parley.url)
  try {
    const writer = await listen(ann, id)
    const readers = [await listen(bob, id), await listen(bob, id, link.url)]
    await delay(idleMs)
    link.cut()
    await restart(broker)
    link.mend()
    const sending = writer.chat.send(id, { text: 'anyone?' }).stored
    const { seq } = await inTime('the first message is stored', sending, settleMs)
    const log = await ann.log(id)
    for (const { chat, entries } of [writer, ...readers]) {
      await until(() => chat.cursor(id) === seq, 'the first message is everywhere', settleMs)
      assert.deepEqual(entries, log)
    }
  } finally {
    await link.close()
  }
}

interface Link {
  readonly url: string
  cut(): void
  mend(): void
  close(): Promise<void>
}
const openLink = async (url: string): Promise<Link> => {
  const path = new URL('../../../tools/demo/cuttable-link.mjs', import.meta.url).href
  return ((await import(path)) as { openLink(url: string): Promise<Link> }).openLink(url)
}
