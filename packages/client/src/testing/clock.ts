import type { Clock } from '../ports.ts'

/** A clock that only moves when it is told to. */
export interface ManualClock extends Clock {
  /** The device's clock is set: `now` jumps, and nothing else happens. */
  jump(ms: number): void
  /** Runs what is due within this time, in its order. */
  advance(ms: number): void
  /** How many timers wait. */
  waiting(): number
}

export function manualClock(start = 1_000_000): ManualClock {
  let now = start
  let jumped = 0
  const timers = new Set<{ at: number; run: () => void }>()
  return {
    now: () => now + jumped,
    monotonic: () => now,
    jump(ms) {
      jumped += ms
    },
    setTimeout(run, ms) {
      const timer = { at: now + Math.max(0, ms), run }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (!due) break
        timers.delete(due)
        now = Math.max(now, due.at)
        due.run()
      }
      now = end
    },
    waiting: () => timers.size,
  }
}
