import { setTimeout as delay } from 'node:timers/promises'
import { patienceMs } from './device.ts'

/** Waits until something holds that nobody tells of. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = patienceMs,
): Promise<void> {
  const end = Date.now() + ms
  for (let tried = 0; !(await holds()); tried++) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await delay(Math.min(200, 5 * 2 ** tried))
  }
}

/** The promise, or an error that names it where it does not settle. */
export async function inTime<T>(what: string, promise: Promise<T>, ms = patienceMs): Promise<T> {
  const timer = new AbortController()
  const late = delay(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not within ${ms} ms: ${what}`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
    late.catch(() => undefined)
  }
}
