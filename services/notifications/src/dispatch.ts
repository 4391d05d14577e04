import type { Clock, Logger } from '@parley/kit'
import type { Courier } from './courier.ts'
import type { Outbox, OutboxEntry } from './outbox.ts'

/** Pushes under way at once. As many more wait in the outbox as fit, and then with the broker. */
const atOnce = 32

/** Claims what is due, as much as can be carried now, and carries it. */
export function createDispatch({
  outbox,
  carry,
  clock,
  logger,
}: {
  readonly outbox: Outbox
  readonly carry: Courier
  readonly clock: Clock
  readonly logger: Logger
}) {
  const active = new Set<Promise<void>>()
  let claiming: Promise<void> | undefined
  let asked = false
  let stopped = false

  function start(entry: OutboxEntry): void {
    const carried = carry(entry)
      .catch((error) =>
        logger.warn({ err: error }, 'a push failed; it is tried again when its claim runs out'),
      )
      .finally(() => {
        active.delete(carried)
        goOn()
      })
    active.add(carried)
  }

  const sayThatItFailed = (error: unknown) =>
    logger.warn({ err: error }, 'the outbox could not be read or claimed; the next look comes soon')

  async function claimDue(): Promise<void> {
    asked = false
    const due = await outbox.due(clock.now())
    const taken = due.slice(0, atOnce - active.size)
    const claimOf = async (shard: string): Promise<void> => {
      const entries = taken.filter((entry) => entry.shard === shard)
      for (const entry of await outbox.claim(shard, entries, clock.now())) start(entry)
    }
    const shards = new Set(taken.map(({ shard }) => shard))
    await Promise.all([...shards].map((shard) => claimOf(shard).catch(sayThatItFailed)))
    asked ||= due.length > taken.length
  }

  /** There may be something to do. Resolves when what can be taken is claimed, not when it is carried out. */
  function poke(): Promise<void> {
    asked = true
    if (stopped) return Promise.resolve()
    claiming ??= claimDue()
      .catch((error) => {
        asked = false
        sayThatItFailed(error)
      })
      .finally(() => {
        claiming = undefined
        goOn()
      })
    return claiming
  }

  /** Not at each end: a look costs a bulk read, and what waits can wait for half of the places. */
  function goOn(): void {
    if (asked && !stopped && claiming === undefined && active.size <= atOnce / 2) void poke()
  }

  return {
    poke,
    /** Everything that is due has been carried out. */
    async idle(): Promise<void> {
      await poke()
      while (active.size > 0 || claiming !== undefined) await Promise.all([claiming, ...active])
    },
    async stop(): Promise<void> {
      stopped = true
      while (active.size > 0 || claiming !== undefined) await Promise.all([claiming, ...active])
    },
  }
}
