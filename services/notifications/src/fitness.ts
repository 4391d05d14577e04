import type { Clock } from '@parley/kit'

export type Fitness = ReturnType<typeof createFitness>

const failuresInARow = 5
const restMs = 60_000
const remembered = 10_000

/**
 * Which devices are worth a first attempt. One whose push service does not answer, or never meant to, would fill the
 * outbox with retries for everybody: after some pushes in a row that failed at first, one a minute is tried, and what
 * comes meanwhile is dropped. Each replica finds out for itself; nothing depends on it.
 */
export function createFitness(clock: Clock) {
  const failing = new Map<string, { failures: number; nextTryAt: number }>()

  return {
    mayTry(subscriptionId: string): boolean {
      const state = failing.get(subscriptionId)
      if (state === undefined || state.failures < failuresInARow) return true
      if (clock.now() < state.nextTryAt) return false
      state.nextTryAt = clock.now() + restMs
      return true
    },

    failed(subscriptionId: string): void {
      const failures = (failing.get(subscriptionId)?.failures ?? 0) + 1
      failing.delete(subscriptionId)
      failing.set(subscriptionId, { failures, nextTryAt: clock.now() + restMs })
      const oldest = failing.keys().next().value
      if (failing.size > remembered && oldest !== undefined) failing.delete(oldest)
    },

    succeeded(subscriptionId: string): void {
      failing.delete(subscriptionId)
    },
  }
}
