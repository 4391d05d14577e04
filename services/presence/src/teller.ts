import type { Presence } from '@parley/contracts'

/** People in one event. */
const batchSize = 100

/** Publishes changes. What comes while a publish is under way goes out together in the next. */
export function createTeller(
  publish: (items: Presence[]) => Promise<void>,
): (item: Presence) => Promise<void> {
  interface Waiting {
    readonly item: Presence
    resolve(): void
    reject(error: unknown): void
  }
  const waiting: Waiting[] = []
  let busy = false

  async function drain(): Promise<void> {
    busy = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchSize)
      try {
        await publish(batch.map(({ item }) => item))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    busy = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!busy) void drain()
    })
}
