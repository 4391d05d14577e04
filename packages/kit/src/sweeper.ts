import type { Logger } from './logger.ts'

const defaultEveryMs = 10 * 60_000
/** Of one sweep, so that it never holds a store up for long: what is left waits for the next. */
const rounds = 20

export interface Sweeper {
  stop(): void
}

/**
 * Collects what has expired, for stores that do not do it by themselves. Every replica sweeps; the first time after a
 * random part of the interval, so that they seldom meet.
 * @param collect removes some of what has expired, and tells whether there may be more
 */
export function startSweeper(
  collect: () => Promise<boolean>,
  { logger, everyMs = defaultEveryMs }: { readonly logger: Logger; readonly everyMs?: number | undefined },
): Sweeper {
  let timer: NodeJS.Timeout
  const plan = (ms: number) => {
    timer = setTimeout(sweep, ms)
    timer.unref()
  }
  const sweep = async () => {
    try {
      for (let round = 0; round < rounds && (await collect()); round++);
    } catch (error) {
      logger.warn({ err: error }, 'expired documents were not collected: the next sweep will')
    }
    plan(everyMs)
  }
  plan(Math.random() * everyMs)
  return { stop: () => clearTimeout(timer) }
}
