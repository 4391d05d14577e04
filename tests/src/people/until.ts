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
