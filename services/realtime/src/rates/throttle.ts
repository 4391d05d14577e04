import type { Clock } from '@parley/kit'
import { fullBucket, type Rate, refill, takeToken } from './token-bucket.ts'

/** Runs tasks in order, at a rate: what is over it waits in a bounded queue. */
export interface Throttle {
  /** Runs the task now or in its turn. Where the queue is full: after how many ms there will be room. */
  run(task: () => void): { readonly refusedForMs: number } | undefined
  readonly waiting: number
  /** Nothing waits and the bucket is full: forgetting it changes nothing. */
  isIdle(): boolean
  close(): void
}

export function createThrottle(options: { clock: Clock; rate: Rate; queued: number }): Throttle {
  const { clock, rate, queued } = options
  const queue: (() => void)[] = []
  let bucket = fullBucket(rate, clock.now())
  let timer: { cancel(): void } | undefined

  function drain(): void {
    timer = undefined
    while (queue.length > 0) {
      const taken = takeToken(bucket, rate, clock.now())
      bucket = taken.bucket
      if (taken.waitMs > 0) {
        timer = clock.setTimeout(drain, taken.waitMs)
        return
      }
      queue.shift()?.()
    }
  }

  return {
    run(task) {
      if (queue.length >= queued) return { refusedForMs: Math.ceil(1000 / rate.perSecond) }
      queue.push(task)
      if (!timer) drain()
      return undefined
    },
    get waiting() {
      return queue.length
    },
    isIdle: () => queue.length === 0 && refill(bucket, rate, clock.now()).tokens >= rate.burst,
    close() {
      timer?.cancel()
      queue.length = 0
    },
  }
}
