import type { Clock } from './clock.ts'
import type { DocumentStore, Family } from './document-store.ts'
import { ChatError } from './errors.ts'

/** Answers the document as it should be; the same reference (or undefined) leaves it as it is. */
export type Change<T> = (value: T | undefined) => T | undefined
export type Update<T> = (key: string, change: Change<T>) => Promise<T | undefined>

interface Job<T> {
  readonly change: Change<T>
  resolve(value: T | undefined): void
  reject(error: unknown): void
}

const attempts = 8
const firstPauseMs = 10

/**
 * Read, change, replace by etag, from the start again where another was faster. What is asked for one key while a
 * write of it is under way becomes one next write: a thousand people who connect at once do not fight over a document.
 * A change may be applied more than once, also on top of itself after an unknown outcome, so it must be idempotent.
 */
export function createUpdater<T>(
  store: DocumentStore,
  family: Family<T, 'versioned'>,
  clock: Clock,
): Update<T> {
  const waiting = new Map<string, Job<T>[]>()

  async function attempt(key: string, jobs: readonly Job<T>[]): Promise<(T | undefined)[] | undefined> {
    const stored = await store.get(family, key)
    const results: (T | undefined)[] = []
    let value = stored?.value
    for (const { change } of jobs) {
      value = change(value) ?? value
      results.push(value)
    }
    if (value === undefined || value === stored?.value) return results
    const outcome =
      stored === undefined
        ? (await store.create(family, key, value)).outcome
        : await store.replace(family, key, value, stored.etag)
    return outcome === 'created' || outcome === 'replaced' ? results : undefined
  }

  async function write(key: string, jobs: readonly Job<T>[]): Promise<void> {
    for (let tried = 0; tried < attempts; tried++) {
      if (tried > 0) await pause(clock, Math.random() * firstPauseMs * 2 ** tried)
      const results = await attempt(key, jobs)
      if (results === undefined) continue
      jobs.forEach((job, index) => {
        job.resolve(results[index])
      })
      return
    }
    throw new ChatError('unavailable', { cause: new Error(`${family.prefix}:${key} is too busy`) })
  }

  async function drain(key: string): Promise<void> {
    for (let jobs = waiting.get(key); jobs !== undefined && jobs.length > 0; jobs = waiting.get(key)) {
      waiting.set(key, [])
      const batch = jobs
      await write(key, batch).catch((error) => {
        for (const job of batch) job.reject(error)
      })
    }
    waiting.delete(key)
  }

  return (key, change) =>
    new Promise((resolve, reject) => {
      const job = { change, resolve, reject }
      const queue = waiting.get(key)
      if (queue !== undefined) {
        queue.push(job)
        return
      }
      waiting.set(key, [job])
      void drain(key)
    })
}

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, ms)
  })
