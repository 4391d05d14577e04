import type { Clock } from '@parley/kit'

export interface ManualClock extends Clock {
  /** Moves time on and runs what is due on the way, in order. */
  advance(ms: number): void
}

/** Time that stands still until a test moves it. */
export function manualClock(now = Date.UTC(2025, 0, 1)): ManualClock {
  const timers = new Set<{ at: number; fn: () => void }>()
  return {
    now: () => now,
    setTimeout(fn, ms) {
      const timer = { at: now + Math.max(0, ms), fn }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    advance(ms) {
      const until = now + ms
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        now = Math.max(now, due.at)
        due.fn()
      }
      now = until
    },
  }
}
