import type { Presence } from '@parley/contracts'

/** What the others see of a person, and whether that is all there is. */
export interface Told {
  readonly item: Presence
  readonly hidden: boolean
}

/** People in one event. */
const batchSize = 100

/** Publishes changes. What comes while a publish is under way goes out together in the next. */
export function createTeller(
  publish: (told: readonly Told[]) => Promise<void>,
): (told: Told) => Promise<void> {
  interface Waiting {
    readonly told: Told
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
        await publish(batch.map(({ told }) => told))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    busy = false
  }

  return (told) =>
    new Promise((resolve, reject) => {
      waiting.push({ told, resolve, reject })
      if (!busy) void drain()
    })
}
