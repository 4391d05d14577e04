import { type Clock, createUpdater, type DocumentStore } from '@parley/kit'
import * as documents from './documents.ts'
import {
  isForgotten,
  isTooOld,
  type Lease,
  type Leases,
  meet,
  type NodeEvent,
  renew,
} from './domain/lease.ts'
import { timing } from './domain/timing.ts'

export type NodeTable = ReturnType<typeof createNodeTable>

/**
 * The leases of all nodes. Every replica keeps a copy that is at most a tick old; the grace before "offline" is longer,
 * so a copy that lacks the newest node or heartbeat shows nobody as gone.
 */
export function createNodeTable({ store, clock }: { store: DocumentStore; clock: Clock }) {
  const updateNode = createUpdater(store, documents.nodes, clock)
  const updateIndex = createUpdater(store, documents.nodeIndex, clock)
  let copy = new Map<string, Lease>()
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<Leases> | undefined

  async function read(): Promise<Leases> {
    const startedAt = clock.now()
    const index = await store.get(documents.nodeIndex, 'all')
    const names = index?.value.names ?? []
    const found = await store.getMany(documents.nodes, names.map(encodeURIComponent))
    copy = new Map(
      names.flatMap((name) => {
        const stored = found.get(encodeURIComponent(name))
        return stored === undefined ? [] : [[name, stored.value]]
      }),
    )
    readAt = startedAt
    return copy
  }

  function refresh(): Promise<Leases> {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function update(
    node: string,
    change: (lease: Lease | undefined) => Lease | undefined,
  ): Promise<Lease | undefined> {
    const lease = await updateNode(encodeURIComponent(node), change)
    if (lease !== undefined) copy.set(node, lease)
    return lease
  }

  /** Before its lease is written, so that a lease is never overlooked. */
  async function list(node: string, event: NodeEvent): Promise<void> {
    if (copy.has(node) || isTooOld(event, clock.now())) return
    await updateIndex('all', (index) => {
      const names = index?.names ?? []
      return names.includes(node) ? index : { names: [...names, node] }
    })
  }

  return {
    refresh,
    update,
    /** At most a tick old. */
    current: async (): Promise<Leases> => (clock.now() - readAt <= timing.tickMs ? copy : refresh()),

    /** A heartbeat. */
    async renew(node: string, event: NodeEvent & { readonly closing: boolean }): Promise<void> {
      await list(node, event)
      await update(node, (lease) => renew(lease, event, clock.now()))
    },

    /** Whether an event of this node counts: not one of an ended epoch, nor of a node that is forgotten. */
    async accepts(node: string, event: NodeEvent): Promise<boolean> {
      const known = copy.get(node)
      if (known !== undefined && known.epoch >= event.epoch) return known.epoch === event.epoch
      await list(node, event)
      const lease = await update(node, (before) => meet(before, event, clock.now()))
      return lease?.epoch === event.epoch
    },

    /** Takes a node that is long dead off the list. One that came back meanwhile is left alone. */
    async forget(node: string): Promise<boolean> {
      const stored = await store.get(documents.nodes, encodeURIComponent(node))
      if (stored !== undefined && !isForgotten(stored.value, clock.now())) return false
      await store.delete(documents.nodes, encodeURIComponent(node))
      await updateIndex('all', (index) =>
        index?.names.includes(node) ? { names: index.names.filter((name) => name !== node) } : index,
      )
      copy.delete(node)
      return true
    },
  }
}
