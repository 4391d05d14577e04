/** Time as the process sees it. Injected wherever time matters, so that tests and the simulation own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  setTimeout(fn: () => void, ms: number): { cancel(): void }
}

export const systemClock: Clock = {
  now: Date.now,
  setTimeout(fn, ms) {
    const timer = setTimeout(fn, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}
