/**
 * One write at a time per key; what comes meanwhile waits and becomes the next write together. A failed write fails
 * all that were in it, and nothing else.
 */
export function createGroupCommit<T>(write: (key: string, items: readonly T[]) => Promise<void>) {
  interface Batch {
    items: T[]
    done: Promise<void>
  }
  const running = new Map<string, Promise<void>>()
  const waiting = new Map<string, Batch>()

  const start = (key: string, after: Promise<void>): Batch => {
    const batch: Batch = { items: [], done: Promise.resolve() }
    batch.done = after
      .catch(() => {})
      .then(() => {
        waiting.delete(key)
        const run = write(key, batch.items).finally(() => {
          if (running.get(key) === run) running.delete(key)
        })
        running.set(key, run)
        return run
      })
    waiting.set(key, batch)
    return batch
  }

  return (key: string, items: readonly T[]): Promise<void> => {
    const batch = waiting.get(key) ?? start(key, running.get(key) ?? Promise.resolve())
    batch.items.push(...items)
    return batch.done
  }
}
