import type { conversationChanged, EventContract } from '@parley/contracts'
import { type HttpApp, subscribe } from '@parley/kit'
import type { z } from 'zod'
import type { Batcher } from './batches/outcome.ts'
import { type Cluster, type ClusterEvent, clusterContracts } from './cluster/cluster.ts'
import type { Rooms } from './rooms/rooms.ts'
import type { Receipts } from './sockets/receipts.ts'
import type { Sessions } from './sockets/sessions.ts'
import type { Visibility } from './sockets/visibility.ts'
import type { Watches } from './sockets/watches.ts'

type Read = NonNullable<z.output<typeof conversationChanged.data>['reads']>[number]

/**
 * What the broker brings goes to all nodes; nothing here can fail in a way that bringing it again would help. Read
 * markers do not: whoever hears of them tells the devices on all nodes, as whoever is told by a socket does.
 */
export function registerEvents(http: HttpApp, cluster: Cluster, tellRead: (read: Read) => void): void {
  const { 'conversation.changed': changed, ...others } = clusterContracts
  const contracts: readonly EventContract[] = Object.values(others)
  for (const contract of contracts) {
    subscribe(http, contract, async (data) => {
      cluster.broadcast({ topic: contract.topic, data } as ClusterEvent)
      return 'done'
    })
  }
  subscribe(http, changed, async ({ heads, reads = [] }) => {
    for (const read of reads) tellRead(read)
    cluster.broadcast({ topic: 'conversation.changed', data: { heads } })
    return 'done'
  })
}

/** What an event means on a node. */
export function nodeEvents(deps: {
  batcher: Batcher
  rooms: Rooms
  receipts: Receipts
  watches: Watches
  sessions: Sessions
  visibility: Visibility
}): (event: ClusterEvent) => void {
  const { batcher, rooms, receipts, watches, sessions, visibility } = deps
  return (event) => {
    switch (event.topic) {
      case 'message.stored':
        for (const { conversationId, entries, memberIds, submittedAt } of event.data.conversations) {
          receipts.saw(conversationId, memberIds)
          for (const entry of entries) batcher.stored(conversationId, entry)
          const takenAt = submittedAt === undefined ? undefined : Date.parse(submittedAt)
          rooms.stored(conversationId, entries, memberIds, takenAt)
        }
        return
      case 'message.rejected':
        for (const item of event.data.items) batcher.rejected(item)
        return
      case 'conversation.changed':
        rooms.heads(event.data.heads)
        return
      case 'presence.changed':
        visibility.changed(event.data.items, event.data.hidden ?? [])
        watches.changed(event.data.items)
        return
      case 'session.revoked':
        sessions.revoked(event.data.sessionIds, event.data.reason)
    }
  }
}
