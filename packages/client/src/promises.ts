/** Promises by key, settled from elsewhere. One that nobody waits for rejects in silence. */
export interface Promises<T> {
  /** The pending promise of this key, or a new one. */
  get(key: string): Promise<T>
  resolve(key: string, value: T): void
  reject(key: string, error: Error): void
  rejectAll(error: Error): void
}

export function createPromises<T>(): Promises<T> {
  interface Pending {
    readonly promise: Promise<T>
    readonly resolve: (value: T) => void
    readonly reject: (error: Error) => void
  }
  const pending = new Map<string, Pending>()

  function make(): Pending {
    let resolve: (value: T) => void = () => undefined
    let reject: (error: Error) => void = () => undefined
    const promise = new Promise<T>((...settle) => {
      ;[resolve, reject] = settle
    })
    promise.catch(() => undefined)
    return { promise, resolve, reject }
  }
  function take(key: string): Pending | undefined {
    const found = pending.get(key)
    pending.delete(key)
    return found
  }

  return {
    get(key) {
      const found = pending.get(key) ?? make()
      pending.set(key, found)
      return found.promise
    },
    resolve: (key, value) => take(key)?.resolve(value),
    reject: (key, error) => take(key)?.reject(error),
    rejectAll(error) {
      for (const key of [...pending.keys()]) take(key)?.reject(error)
    },
  }
}
