import { setTimeout as delay } from 'node:timers/promises'

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

/** The first answer that is truthy. What `look` throws is what it says when the time is up. */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  withinMs = 30_000,
): Promise<Truthy<T>> {
  const deadline = Date.now() + withinMs
  for (;;) {
    let failure: unknown
    try {
      const found = await look()
      if (found) return found as Truthy<T>
    } catch (error) {
      failure = error
    }
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs / 1000} s: ${what}`, { cause: failure })
    await delay(50)
  }
}

/** The promise, or an error that names it where it does not settle in time. */
export async function inTime<T>(what: string, promise: Promise<T>, withinMs = 30_000): Promise<T> {
  const timer = new AbortController()
  const late = delay(withinMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`Not within ${withinMs / 1000} s: ${what}`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}
