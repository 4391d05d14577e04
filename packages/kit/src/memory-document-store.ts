import { type Clock, systemClock } from './clock.ts'
import {
  assertWrite,
  type CreateItem,
  type CreateOutcome,
  corrupt,
  type DocumentStore,
  type Family,
  fullKey,
  type Stored,
} from './document-store.ts'
import { newId } from './ids.ts'

interface Row {
  readonly json: string
  readonly etag: string
  readonly nonce: string
  readonly expiresAt?: number
}

/** The model of a document store, for unit tests and the simulation: what the contract says, and no failures. */
export function memoryDocumentStore(clock: Clock = systemClock): DocumentStore {
  const rows = new Map<string, Row>()
  let version = 0

  function find(key: string): Row | undefined {
    const row = rows.get(key)
    if (row?.expiresAt === undefined || row.expiresAt > clock.now()) return row
    rows.delete(key)
    return undefined
  }

  function read<T>(family: Family<T>, key: string): Stored<T> | undefined {
    const row = find(key)
    if (row === undefined) return undefined
    const parsed = family.schema.safeParse(JSON.parse(row.json))
    if (!parsed.success) throw corrupt(key, parsed.error)
    const { etag, nonce, expiresAt } = row
    return { value: parsed.data, etag, nonce, ...(expiresAt === undefined ? {} : { expiresAt }) }
  }

  function write(key: string, value: unknown, nonce: string, expiresAt: number | undefined): string {
    const etag = String(++version)
    rows.set(key, {
      json: JSON.stringify(value),
      etag,
      nonce,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    })
    return etag
  }

  function create<T>(family: Family<T, 'log' | 'versioned'>, item: CreateItem<T>): CreateOutcome<T> {
    const key = fullKey(family, item.key)
    assertWrite(family, ['log', 'versioned'], item.expiresAt)
    const stored = read(family, key)
    if (stored === undefined)
      return { outcome: 'created', etag: write(key, item.value, item.nonce ?? newId(), item.expiresAt) }
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
      if (find(full)?.etag !== etag) return 'conflict'
      write(full, value, newId(), options?.expiresAt)
      return 'replaced'
    },
    async put(family, key, value, options) {
      assertWrite(family, ['last-write'], options?.expiresAt)
      write(fullKey(family, key), value, newId(), options?.expiresAt)
    },
    async delete(family, key) {
      rows.delete(fullKey(family, key))
    },
  }
}
