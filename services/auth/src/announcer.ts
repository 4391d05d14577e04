import type { EventContract } from '@parley/contracts'
import type { Clock, Logger, Sidecar } from '@parley/kit'
import type { z } from 'zod'

/**
 * Tells the others what has been written. The write is what counts: a session is dead for every new handshake the
 * moment its document says so, whether or not the event arrives. So a broker that is away fails no request; the
 * event is tried again in the background, for about a minute, and given up with an error in the log. A process that
 * is killed in that minute loses it: then open sockets of an ended session live until their token expires.
 */
const answerWithinMs = 2_000
const retryAfterMs = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]
const pendingMost = 1_000

export interface Announcer {
  /** Resolves once published, or once it is left to the background. Never rejects. */
  announce<S extends z.ZodType>(event: EventContract<S>, data: z.input<S>): Promise<void>
  close(): void
}

export function createAnnouncer(options: { sidecar: Sidecar; clock: Clock; logger: Logger }): Announcer {
  const { sidecar, clock, logger } = options
  const pending = new Set<{ cancel(): void }>()

  async function attempt<S extends z.ZodType>(event: EventContract<S>, data: z.input<S>, tried: number) {
    try {
      await sidecar.publish(event, data, { signal: AbortSignal.timeout(answerWithinMs) })
    } catch (error) {
      const delay = retryAfterMs[tried]
      if (delay === undefined || pending.size >= pendingMost) {
        logger.error({ err: error, topic: event.topic, data }, 'event given up')
        return
      }
      logger.warn({ err: error, topic: event.topic, delay }, 'event not published: tried again later')
      const timer = clock.setTimeout(() => {
        pending.delete(timer)
        void attempt(event, data, tried + 1)
      }, delay)
      pending.add(timer)
    }
  }

  return {
    announce: (event, data) => attempt(event, data, 0),
    close() {
      if (pending.size > 0) logger.warn({ events: pending.size }, 'events not published before the end')
      for (const timer of pending) timer.cancel()
      pending.clear()
    },
  }
}
