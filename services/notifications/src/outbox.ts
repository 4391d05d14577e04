import { ChatError, type Clock, createUpdater, type DocumentStore, newId } from '@parley/kit'
import type { z } from 'zod'
import * as documents from './documents.ts'

export type Outbox = ReturnType<typeof createOutbox>

export interface OutboxEntry {
  readonly shard: string
  readonly key: string
  readonly ticket: string
}

/** How long whoever claims a push holds it: longer than an attempt and its writes take. */
export const claimMs = 60_000
/** Per document, 180 bytes each; 9,600 in all. */
export const maxEntries = 300

type Entries = z.infer<typeof documents.outbox.schema>['entries']

/**
 * The pushes that are owed, for all replicas. An entry is claimed by moving its time ahead under a new ticket: whoever
 * dies with a claim loses it when the time comes, and nobody else touches it until then.
 *
 * Where it is full, retries make room for what was never tried: a push service that is down, or that never meant to
 * take anything, must not keep others from being told. What still does not fit stays with the broker.
 */
export function createOutbox({ store, clock }: { store: DocumentStore; clock: Clock }) {
  const update = createUpdater(store, documents.outbox, clock)
  const shards = Array.from({ length: documents.outboxCount }, (_, shard) => String(shard))

  async function put(shard: string, keys: readonly string[], at: number): Promise<void> {
    const ticket = newId()
    let full = false
    await update(shard, (list = { entries: {} }) => {
      const fresh = keys.filter((key) => list.entries[key] === undefined)
      const kept = makeRoom(list.entries, fresh.length)
      full = kept === undefined
      if (kept === undefined || fresh.length === 0) return list
      const added = Object.fromEntries(fresh.map((key) => [key, { at, ticket }]))
      return { entries: { ...kept, ...added } }
    })
    if (full) throw new ChatError('overloaded', { retryAfterMs: 5_000 })
  }

  return {
    /** Entries that are there already stay as they are. Throws `overloaded` where there is no room. */
    async add(keys: readonly string[], at: number): Promise<void> {
      const byShard = new Map<string, string[]>()
      for (const key of keys) {
        const shard = documents.outboxOf(key)
        byShard.set(shard, [...(byShard.get(shard) ?? []), key])
      }
      await Promise.all([...byShard].map(([shard, ofShard]) => put(shard, ofShard, at)))
    },

    /** What is to be tried now, or what was claimed by someone who did not end it in time. */
    async due(now: number): Promise<OutboxEntry[]> {
      const found = await store.getMany(documents.outbox, shards)
      const due = [...found].flatMap(([shard, { value }]) =>
        Object.entries(value.entries).flatMap(([key, { at, ticket }]) =>
          at <= now ? [{ shard, key, ticket, at }] : [],
        ),
      )
      // The oldest first: with more than can be carried, each has its turn.
      return due.sort((a, b) => a.at - b.at)
    },

    /** Answers those of a document's entries that are ours now. */
    async claim(shard: string, entries: readonly OutboxEntry[], now: number): Promise<OutboxEntry[]> {
      const claim = newId()
      const ticketOf = new Map(entries.map(({ key, ticket }) => [key, ticket]))
      const list = await update(shard, (before) => {
        if (before === undefined) return before
        const mine = Object.entries(before.entries).filter(
          ([key, { ticket }]) => ticketOf.get(key) === ticket,
        )
        if (mine.length === 0) return before
        const claimed = mine.map(([key]) => [key, { at: now + claimMs, ticket: claim }] as const)
        return { entries: { ...before.entries, ...Object.fromEntries(claimed) } }
      })
      return Object.entries(list?.entries ?? {}).flatMap(([key, { ticket }]) =>
        ticket === claim ? [{ shard, key, ticket }] : [],
      )
    },

    /** Takes a claimed entry off, or puts it off until `again`. Nothing happens where the claim was lost. */
    async finish({ shard, key, ticket }: OutboxEntry, again?: number): Promise<void> {
      await update(shard, (list) => {
        if (list?.entries[key]?.ticket !== ticket) return list
        const { [key]: _, ...others } = list.entries
        if (again === undefined) return { entries: others }
        return { entries: { ...others, [key]: { at: again, ticket, retry: true as const } } }
      })
    },
  }
}

/** Without as many of the retries as have to go, those first that would wait longest; undefined: it does not help. */
function makeRoom(entries: Entries, wanted: number): Entries | undefined {
  const over = Object.keys(entries).length + wanted - maxEntries
  if (over <= 0) return entries
  const retries = Object.entries(entries).filter(([, { retry }]) => retry)
  if (retries.length < over) return undefined
  const gone = retries.sort(([, a], [, b]) => b.at - a.at).slice(0, over)
  const keys = new Set(gone.map(([key]) => key))
  return Object.fromEntries(Object.entries(entries).filter(([key]) => !keys.has(key)))
}
