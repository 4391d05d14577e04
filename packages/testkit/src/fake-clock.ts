import type { Clock } from '@parley/kit'

export interface FakeClock extends Clock {
  /** Runs everything that falls due within `ms`, in order of time, each after the promises before it have settled. */
  advance(ms: number): Promise<void>
  /** Lets promises settle without letting time pass. */
  settle(): Promise<void>
  /** Timers that are set. */
  readonly timers: number
}

/** A clock that stands still until it is advanced. */
export function fakeClock(start = Date.parse('2026-01-01T00:00:00.000Z')): FakeClock {
  interface Timer {
    readonly at: number
    readonly fn: () => void
  }
  let now = start
  // In the order in which they were set, so that equal times run in that order.
  const timers = new Set<Timer>()

  const nextUntil = (end: number) =>
    [...timers].reduce<Timer | undefined>(
      (first, timer) => (timer.at <= end && (!first || timer.at < first.at) ? timer : first),
      undefined,
    )
  // A turn of the event loop runs every promise callback that is ready, however deep the chain.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

  return {
    now: () => now,
    setTimeout(fn, ms) {
      const timer = { at: now + Math.max(0, ms), fn }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    async advance(ms) {
      const end = now + ms
      await settle()
      for (let timer = nextUntil(end); timer; timer = nextUntil(end)) {
        timers.delete(timer)
        now = timer.at
        timer.fn()
        await settle()
      }
      now = end
    },
    settle,
    get timers() {
      return timers.size
    },
  }
}
