import type { ClientEventName, ClientPayload } from '@parley/contracts'

/** Time, so that tests own it. */
export interface Clock {
  now(): number
  setTimeout(run: () => void, ms: number): { cancel(): void }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

/**
 * Where tokens and unsent messages are kept. Synchronous, so that a message is safe before `send` returns.
 * A browser passes `browserStorage()`, which survives a reload; the default is `memoryStorage()`.
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

/** `localStorage`, or memory behind it where the browser refuses (private mode, quota): chatting goes on, a reload forgets. */
export function browserStorage(storage: WebStorage): Storage {
  const overflow = memoryStorage()
  return {
    get: (key) => overflow.get(key) ?? storage.getItem(key) ?? undefined,
    set(key, value) {
      try {
        storage.setItem(key, value)
        overflow.remove(key)
      } catch {
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
