import type { UserId } from '@parley/contracts'
import type { Clock } from '@parley/kit'
import pLimit from 'p-limit'
import { isForgotten, type Lease, swept, turn } from './domain/lease.ts'
import type { DueEntry, DueList } from './due-list.ts'
import type { NodeShards } from './node-shards.ts'
import type { NodeTable } from './node-table.ts'
import type { People } from './people.ts'

export interface RoundDeps {
  readonly clock: Clock
  readonly nodes: NodeTable
  readonly shards: NodeShards
  readonly due: DueList
  readonly people: People
}

/** People per document and round: 64 documents make up to 6,400 a second. */
const entriesPerRound = 100
const settledAtOnce = 16

/**
 * What the clock does, on every replica alike. Nobody leads: all work is on lists in the store, each step may be done
 * twice, and a replica that dies leaves its step on the list for the others. An idle round is two bulk reads.
 */
export function createRound({ clock, nodes, shards, due, people }: RoundDeps): () => Promise<void> {
  const limit = pLimit(settledAtOnce)

  /** Puts the people of a node that came or went on the due list, a few documents at a time. */
  async function sweep(
    node: string,
    { epoch, next }: Lease['sweeps'][number],
    ended: boolean,
  ): Promise<void> {
    for (let from: number | undefined = next; from !== undefined; ) {
      const found = await shards.people(node, epoch, from)
      // The list is full: the rest in the next round.
      if (!(await due.addMany(found.userIds, clock.now()))) return
      if (found.next === undefined && ended) await shards.drop(node, epoch)
      const at: number = from
      const lease = await nodes.update(node, (now) => now && swept(now, epoch, at, found.next))
      const owed = lease?.sweeps.find((item) => item.epoch === epoch)
      from = owed?.next === found.next ? found.next : undefined
    }
  }

  async function attendNode(node: string, known: Lease): Promise<void> {
    const same = turn(known, clock.now()) === known
    const lease = same ? known : await nodes.update(node, (now) => now && turn(now, clock.now()))
    if (lease === undefined) return
    for (const owed of lease.sweeps) await sweep(node, owed, owed.epoch !== lease.epoch)
    if (isForgotten(lease, clock.now()) && (await nodes.forget(node))) await shards.drop(node, lease.epoch)
  }

  /** An entry leaves the list only after its person was settled and what that changed was published. */
  async function attendDue(shard: string, entries: readonly DueEntry[]): Promise<void> {
    const done = await Promise.allSettled(
      entries.map((entry) =>
        limit(async () => ({ entry, again: await people.settleNow(entry.userId as UserId) })),
      ),
    )
    await due.finish(
      shard,
      done.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    )
    for (const result of done) if (result.status === 'rejected') throw result.reason
  }

  return async () => {
    for (const [node, lease] of await nodes.refresh()) await attendNode(node, lease)
    const ready = await due.due(clock.now(), entriesPerRound)
    await Promise.all([...ready].map(([shard, entries]) => attendDue(shard, entries)))
  }
}
