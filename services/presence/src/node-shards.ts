import { type Clock, createUpdater, type DocumentStore } from '@parley/kit'
import * as documents from './documents.ts'

export type NodeShards = ReturnType<typeof createNodeShards>

export interface Device {
  readonly node: string
  readonly epoch: number
  readonly counter: number
  readonly socketId: string
  readonly userId: string
}

/** How many of a node's documents are read at once. */
const chunk = 16

/** Who has a device on which node. May list someone too many, never someone too few. */
export function createNodeShards({ store, clock }: { store: DocumentStore; clock: Clock }) {
  const update = createUpdater(store, documents.shards, clock)
  const keyOf = (node: string, epoch: number, shard: number) =>
    `${encodeURIComponent(node)}:${epoch}:${shard}`
  const shardKey = ({ node, epoch, userId }: Device) =>
    keyOf(node, epoch, documents.spread(userId, documents.shardCount))

  const read = (node: string, epoch: number, from: number) =>
    store.getMany(
      documents.shards,
      Array.from({ length: Math.min(chunk, documents.shardCount - from) }, (_, i) =>
        keyOf(node, epoch, from + i),
      ),
    )

  return {
    async add(device: Device): Promise<void> {
      const { socketId, userId, counter } = device
      await update(shardKey(device), (shard) => {
        const listed = shard?.sockets[socketId]
        if (listed !== undefined && listed.counter >= counter) return shard
        return { sockets: { ...shard?.sockets, [socketId]: { userId, counter } } }
      })
    },

    /** Unless the socket was added again by a later event. */
    async remove(device: Device): Promise<void> {
      const { socketId, counter } = device
      await update(shardKey(device), (shard) => {
        const listed = shard?.sockets[socketId]
        if (shard === undefined || listed === undefined || listed.counter > counter) return shard
        const { [socketId]: _removed, ...sockets } = shard.sockets
        return { sockets }
      })
    },

    /** The people of some of a node's shards, and where the next ones start. */
    async people(node: string, epoch: number, from: number): Promise<{ userIds: string[]; next?: number }> {
      const found = await read(node, epoch, from)
      const userIds = [...found.values()].flatMap(({ value }) =>
        Object.values(value.sockets).map(({ userId }) => userId),
      )
      const next = from + chunk
      return { userIds: [...new Set(userIds)], ...(next < documents.shardCount ? { next } : {}) }
    },

    /** Deletes the shards of an epoch that has ended. */
    async drop(node: string, epoch: number): Promise<void> {
      for (let from = 0; from < documents.shardCount; from += chunk) {
        const found = await read(node, epoch, from)
        await Promise.all([...found.keys()].map((key) => store.delete(documents.shards, key)))
      }
    },
  }
}
