import type { Clock } from '@parley/kit'

export interface TestClock extends Clock {
  advance(ms: number): void
}

/** Stands still until it is advanced. Pauses between tries pass at once: nothing is timed by them. */
export function testClock(start = 1_800_000_000_000): TestClock {
  let now = start
  return {
    now: () => now,
    advance(ms) {
      now += ms
    },
    setTimeout(fn) {
      const timer = setImmediate(fn)
      return { cancel: () => clearImmediate(timer) }
    },
  }
}
