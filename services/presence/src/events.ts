import { presenceConnected, presenceDisconnected, presenceHeartbeat } from '@parley/contracts'
import { type HttpApp, subscribe } from '@parley/kit'
import pLimit from 'p-limit'
import type { NodeTable } from './node-table.ts'
import type { People } from './people.ts'

/** Some brokers deliver without bound; heartbeats do not queue behind those who come and go. */
const handledAtOnce = 64

export function registerEvents(http: HttpApp, { people, nodes }: { people: People; nodes: NodeTable }): void {
  const limit = pLimit(handledAtOnce)

  subscribe(http, presenceConnected, async (data) => {
    await limit(() => people.connected({ ...data, at: Date.parse(data.at) }))
    return 'done'
  })
  subscribe(http, presenceDisconnected, async (data) => {
    await limit(() => people.disconnected({ ...data, at: Date.parse(data.at) }))
    return 'done'
  })
  subscribe(http, presenceHeartbeat, async ({ node, at, ...beat }) => {
    await nodes.renew(node, { ...beat, at: Date.parse(at) })
    return 'done'
  })
}
