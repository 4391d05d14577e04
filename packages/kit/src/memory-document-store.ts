import { type Clock, systemClock } from './clock.ts'
import {
  assertWrite,
  type CreateItem,
  type CreateOutcome,
  type DocumentStore,
  type Family,
  fullKey,
  type Stored,
} from './document-store.ts'
import { open, seal } from './envelope.ts'
import { newId } from './ids.ts'

/** The model of a document store, for unit tests and the simulation: what the contract says, and no failures. */
export function memoryDocumentStore(clock: Clock = systemClock): DocumentStore {
  const rows = new Map<string, { readonly data: string; readonly etag: string }>()
  let version = 0

  function read<T>(family: Family<T>, key: string): Stored<T> | undefined {
    const row = rows.get(key)
    if (row === undefined) return undefined
    const stored = open(family, key, row)
    if (stored.expiresAt === undefined || stored.expiresAt > clock.now()) return stored
    rows.delete(key)
    return undefined
  }

  function write<T>(
    family: Family<T>,
    key: string,
    value: T,
    { nonce = newId(), expiresAt }: { nonce?: string | undefined; expiresAt?: number | undefined } = {},
  ): string {
    const etag = String(++version)
    rows.set(key, { data: seal(family, value, nonce, expiresAt), etag })
    return etag
  }

  function create<T>(family: Family<T, 'log' | 'versioned'>, item: CreateItem<T>): CreateOutcome<T> {
    const key = fullKey(family, item.key)
    assertWrite(family, ['log', 'versioned'], item.expiresAt)
    const stored = read(family, key)
    if (stored === undefined) return { outcome: 'created', etag: write(family, key, item.value, item) }
    return stored.nonce === item.nonce
      ? { outcome: 'created', etag: stored.etag }
      : { outcome: 'exists', stored }
  }

  return {
    async get(family, key) {
      return read(family, fullKey(family, key))
    },
    async getMany(family, keys) {
      const found = new Map()
      for (const key of keys) {
        const stored = read(family, fullKey(family, key))
        if (stored !== undefined) found.set(key, stored)
      }
      return found
    },
    async create(family, key, value, options) {
      return create(family, { key, value, ...options })
    },
    async createMany(family, items) {
      return items.map((item) => create(family, item))
    },
    async replace(family, key, value, etag, options) {
      const full = fullKey(family, key)
      assertWrite(family, ['versioned'], options?.expiresAt)
      if (read(family, full)?.etag !== etag) return 'conflict'
      write(family, full, value, options)
      return 'replaced'
    },
    async put(family, key, value, options) {
      assertWrite(family, ['last-write'], options?.expiresAt)
      write(family, fullKey(family, key), value, options)
    },
    async delete(family, key) {
      rows.delete(fullKey(family, key))
    },
  }
}
