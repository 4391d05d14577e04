import { asParleyError, type ParleyError } from './errors.ts'
import type { Clock } from './ports.ts'

const firstPauseMs = 1_000
const doublings = 4

/**
 * Runs a task until it succeeds, with growing pauses, as long as `wanted` says so. What cannot be helped by asking
 * again is reported, and asked again all the same: a server that is mended must find us asking.
 */
export async function insist(
  task: () => Promise<void>,
  deps: { clock: Clock; random(): number; wanted(): boolean; onError(error: ParleyError): void },
): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await task()
    } catch (error) {
      if (!deps.wanted()) return
      const failure = asParleyError(error)
      if (!failure.retryable) deps.onError(failure)
      const pause = Math.max(failure.retryAfterMs ?? 0, firstPauseMs * 2 ** Math.min(tries, doublings))
      await new Promise<void>((resolve) => {
        deps.clock.setTimeout(resolve, pause * (1 + deps.random() / 4))
      })
      if (!deps.wanted()) return
    }
  }
}
