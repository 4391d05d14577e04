import type { Clock } from '@parley/kit'

export type Fitness = ReturnType<typeof createFitness>

export const failuresInARow = 5
export const restMs = 60_000
const remembered = 10_000

/**
 * Which devices are worth an attempt. One whose push service does not answer, or never meant to, would keep us busy with
 * retries: after some pushes in a row that failed at first, one a minute is tried, once, and what comes meanwhile is
 * dropped. Each replica finds out for itself; nothing depends on it.
 */
export function createFitness(clock: Clock) {
  const failing = new Map<string, { failures: number; nextTryAt: number }>()

  return {
    /** What a first attempt may come to: retries, this one try, or not even that. */
    grant(subscriptionId: string): 'retries' | 'once' | 'nothing' {
      const state = failing.get(subscriptionId)
      if (state === undefined || state.failures < failuresInARow) return 'retries'
      if (clock.now() < state.nextTryAt) return 'nothing'
      state.nextTryAt = clock.now() + restMs
      return 'once'
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
