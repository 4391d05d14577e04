import type { ClientEventName, ClientPayload } from '@parley/contracts'

/** Time, so that tests own it. */
export interface Clock {
  /** Milliseconds since 1970. It jumps when the device's clock is set. */
  now(): number
  /** Milliseconds since some start; never jumps. What waits or measures counts by this one. */
  monotonic(): number
  setTimeout(run: () => void, ms: number): { cancel(): void }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

/**
 * Where tokens and unsent messages are kept. Synchronous, so that a message is safe before `send` returns; it never
 * throws. A browser passes `browserStorage(localStorage)`, which survives a reload; the default is `memoryStorage()`.
 */
export interface Storage {
  get(key: string): string | undefined
  set(key: string, value: string): void
  remove(key: string): void
  keys(prefix: string): string[]
}

export function memoryStorage(): Storage {
  const items = new Map<string, string>()
  return {
    get: (key) => items.get(key),
    set: (key, value) => void items.set(key, value),
    remove: (key) => void items.delete(key),
    keys: (prefix) => [...items.keys()].filter((key) => key.startsWith(prefix)),
  }
}

/** The part of the Web Storage API that `browserStorage` needs. */
export interface WebStorage {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/**
 * `localStorage`, or memory behind it where the browser refuses (private mode, quota): chatting goes on, a reload
 * forgets. The value before goes, too: a used refresh token, found by a reload, would end the session for everyone.
 */
export function browserStorage(storage: WebStorage): Storage {
  const overflow = memoryStorage()
  return {
    get: (key) => overflow.get(key) ?? storage.getItem(key) ?? undefined,
    set(key, value) {
      try {
        storage.setItem(key, value)
        overflow.remove(key)
      } catch {
        storage.removeItem(key)
        overflow.set(key, value)
      }
    },
    remove(key) {
      overflow.remove(key)
      storage.removeItem(key)
    },
    keys(prefix) {
      const found = new Set(overflow.keys(prefix))
      for (let index = 0; index < storage.length; index++) {
        const key = storage.key(index)
        if (key?.startsWith(prefix)) found.add(key)
      }
      return [...found]
    },
  }
}

/**
 * Runs one task at a time under a name, across everything that shares the storage: browser tabs pass
 * `navigator.locks`. A refresh token may be used once; two tabs that use it together would end the session.
 */
export type Exclusive = <T>(name: string, task: () => Promise<T>) => Promise<T>

/** `navigator.locks` where there is one; otherwise at once. */
export function lockedExclusive(): Exclusive {
  const { locks } = (globalThis as { navigator?: { locks?: LockManager } }).navigator ?? {}
  return (name, task) => (locks ? locks.request(name, task) : task())
}

/** What a connection tells. Nothing comes after `closed` or `refused`. */
export interface SocketHandlers {
  connected(): void
  event(name: string, payload: unknown): void
  /** The handshake failed; `code` where the server gave one. */
  refused(code: string | undefined, message: string): void
  closed(reason: string): void
}

export interface ChatSocket {
  emit<E extends ClientEventName>(
    event: E,
    payload: ClientPayload<E>,
    acknowledge?: (answer: unknown) => void,
  ): void
  close(): void
}

/** Opens one connection; never reconnects by itself: the client decides when, and with which token. */
export type OpenSocket = (token: string, handlers: SocketHandlers) => ChatSocket
