import { ChatError, type Clock, createUpdater, type DocumentStore } from '@parley/kit'
import { dueCount, dues, spread } from './documents.ts'

export type DueList = ReturnType<typeof createDueList>

export interface DueEntry {
  readonly userId: string
  readonly at: number
  readonly ticket: number
}

/** Entries in one document, 64 bytes each: a sweep waits where there are more, … */
const sweepLimit = 1_000
/** … and an event is sent back to the broker: it keeps what we cannot. */
const hardLimit = 4_000

/** Who must be settled again. Written before whoever asked for it is told that it is done. */
export function createDueList({ store, clock }: { store: DocumentStore; clock: Clock }) {
  const update = createUpdater(store, dues, clock)
  const keys = Array.from({ length: dueCount }, (_, shard) => String(shard))

  async function put(shard: string, userIds: readonly string[], at: number, limit: number): Promise<boolean> {
    let fits = true
    await update(shard, (list = { ticket: 0, entries: {} }) => {
      fits = Object.keys(list.entries).length < limit
      if (!fits) return list
      const ticket = list.ticket + 1
      return {
        ticket,
        entries: { ...list.entries, ...Object.fromEntries(userIds.map((id) => [id, { at, ticket }])) },
      }
    })
    return fits
  }

  return {
    async add(userId: string, at: number): Promise<void> {
      if (!(await put(String(spread(userId, dueCount)), [userId], at, hardLimit)))
        throw new ChatError('overloaded', { retryAfterMs: 1_000 })
    },

    /** False: some did not fit. Those that did may be added again, it only costs a look. */
    async addMany(userIds: readonly string[], at: number): Promise<boolean> {
      const byShard = new Map<string, string[]>()
      for (const userId of userIds) {
        const shard = String(spread(userId, dueCount))
        byShard.set(shard, [...(byShard.get(shard) ?? []), userId])
      }
      const fits = await Promise.all([...byShard].map(([shard, ids]) => put(shard, ids, at, sweepLimit)))
      return fits.every(Boolean)
    },

    /** Per document, at most `limit` entries that are due. */
    async due(now: number, limit: number): Promise<Map<string, DueEntry[]>> {
      const found = await store.getMany(dues, keys)
      const ready = [...found].map(([shard, { value }]): [string, DueEntry[]] => {
        const entries = Object.entries(value.entries).map(([userId, entry]) => ({ userId, ...entry }))
        return [shard, entries.filter(({ at }) => at <= now).slice(0, limit)]
      })
      return new Map(ready.filter(([, entries]) => entries.length > 0))
    },

    /** Takes entries off, or puts them off until `again`; one that was added anew meanwhile stays as it is. */
    async finish(
      shard: string,
      done: readonly { entry: DueEntry; again: number | undefined }[],
    ): Promise<void> {
      await update(shard, (list) => {
        if (list === undefined) return list
        const entries = { ...list.entries }
        for (const { entry, again } of done) {
          if (entries[entry.userId]?.ticket !== entry.ticket) continue
          if (again === undefined) delete entries[entry.userId]
          else entries[entry.userId] = { at: again, ticket: entry.ticket }
        }
        return { ...list, entries }
      })
    },
  }
}
