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
import { open, seal, ttlMs } from './envelope.ts'
import { ChatError } from './errors.ts'
import { newId } from './ids.ts'
import type { RawStore, RawWrite } from './raw-store.ts'

/** One bulk write stays below daprd's limit of 4 MiB for a request, and a slow store can do it within the time-out. */
const bulkBytes = 3 * 1024 * 1024
const bulkWrites = 128
const bulkReads = 256

interface Write extends RawWrite {
  readonly nonce: string
}

interface WriteOptions {
  readonly nonce?: string | undefined
  readonly expiresAt?: number | undefined
}

/**
 * Documents over a store of texts. A write that failed says nothing about what is in the store: so whoever fails reads
 * the key back, and the nonce tells whose write it is.
 */
export function documentsOver(raw: RawStore, clock: Clock = systemClock): DocumentStore {
  const alive = <T>(stored: Stored<T> | undefined): Stored<T> | undefined =>
    stored?.expiresAt !== undefined && stored.expiresAt <= clock.now() ? undefined : stored

  function write<T>(
    family: Family<T>,
    key: string,
    value: T,
    { nonce = newId(), expiresAt }: WriteOptions,
  ): Write {
    const text = seal(family, value, nonce, expiresAt)
    return {
      key: fullKey(family, key),
      nonce,
      text,
      ...(expiresAt === undefined ? {} : { ttlMs: ttlMs(expiresAt, clock.now()) }),
    }
  }

  /** Reads the keys, expired documents too. */
  async function readAll<T>(family: Family<T>, keys: readonly string[]): Promise<Map<string, Stored<T>>> {
    const found = new Map<string, Stored<T>>()
    for (let start = 0; start < keys.length; start += bulkReads) {
      const documents = await raw.read(keys.slice(start, start + bulkReads))
      for (const [key, document] of documents) found.set(key, open(family, key, document))
    }
    return found
  }

  /** The same for a read-back: undefined where the store could not be read, so that nothing is known. */
  async function readBack<T>(
    family: Family<T>,
    keys: readonly string[],
  ): Promise<Map<string, Stored<T>> | undefined> {
    try {
      return await readAll(family, keys)
    } catch (error) {
      if (error instanceof ChatError && error.code === 'unavailable') return undefined
      throw error
    }
  }

  async function createAll<T>(
    family: Family<T, 'log' | 'versioned'>,
    items: readonly CreateItem<T>[],
  ): Promise<CreateOutcome<T>[]> {
    const writes = items.map(({ key, value, nonce, expiresAt }) => {
      assertWrite(family, ['log', 'versioned'], expiresAt)
      return write(family, key, value, { nonce, expiresAt })
    })
    if (new Set(writes.map(({ key }) => key)).size < writes.length)
      throw new TypeError(`createMany of "${family.prefix}" has a key twice`)
    const outcomes: CreateOutcome<T>[] = []
    for (const batch of batches(writes)) outcomes.push(...(await createBatch(family, batch)))
    return outcomes
  }

  async function createBatch<T>(family: Family<T>, writes: readonly Write[]): Promise<CreateOutcome<T>[]> {
    const created = await raw.create(writes)
    const others = writes.filter(({ key }) => !created.has(key)).map(({ key }) => key)
    const found = others.length === 0 ? undefined : await readBack(family, others)
    return Promise.all(
      writes.map((one): CreateOutcome<T> | Promise<CreateOutcome<T>> => {
        const etag = created.get(one.key)
        if (created.has(one.key)) return { outcome: 'created', ...(etag === undefined ? {} : { etag }) }
        const stored = found?.get(one.key)
        // Absent now does not mean never: the write may still be on its way.
        if (stored === undefined) return { outcome: 'unknown' }
        if (stored.nonce === one.nonce) return { outcome: 'created', etag: stored.etag }
        return alive(stored) ? { outcome: 'exists', stored } : createOverExpired(family, one, stored.etag)
      }),
    )
  }

  /** An expired document that the store has not collected stands in the way: its etag lets one writer take its place. */
  async function createOverExpired<T>(
    family: Family<T>,
    one: Write,
    etag: string,
  ): Promise<CreateOutcome<T>> {
    const saved = await raw.replace(one, etag)
    if (saved.outcome === 'saved') return { outcome: 'created' }
    const stored = (await readBack(family, [one.key]))?.get(one.key)
    if (stored?.nonce === one.nonce) return { outcome: 'created', etag: stored.etag }
    return stored !== undefined && alive(stored) ? { outcome: 'exists', stored } : { outcome: 'unknown' }
  }

  return {
    async get(family, key) {
      const full = fullKey(family, key)
      return alive((await readAll(family, [full])).get(full))
    },

    async getMany<T>(family: Family<T>, keys: readonly string[]) {
      const byFull = new Map(keys.map((key) => [fullKey(family, key), key]))
      const found = new Map<string, Stored<T>>()
      for (const [full, stored] of await readAll(family, [...byFull.keys()])) {
        const key = byFull.get(full)
        if (key !== undefined && alive(stored)) found.set(key, stored)
      }
      return found
    },

    async create<T>(
      family: Family<T, 'log' | 'versioned'>,
      key: string,
      value: T,
      options: { readonly nonce?: string; readonly expiresAt?: number } = {},
    ): Promise<CreateOutcome<T>> {
      const [outcome] = await createAll(family, [{ key, value, ...options }])
      return outcome ?? { outcome: 'unknown' }
    },

    createMany: createAll,

    async replace(family, key, value, etag, { expiresAt } = {}) {
      assertWrite(family, ['versioned'], expiresAt)
      const one = write(family, key, value, { expiresAt })
      const saved = await raw.replace(one, etag)
      if (saved.outcome === 'saved') return 'replaced'
      // Something on the way may have tried twice, so that a refusal can be of our own second try.
      const found = await readBack(family, [one.key])
      const stored = found?.get(one.key)
      if (stored?.nonce === one.nonce) return 'replaced'
      // With no refusal, another etag does not prove it: our write may have landed and been replaced since.
      return saved.outcome === 'refused' && found !== undefined && stored?.etag !== etag
        ? 'conflict'
        : 'unknown'
    },

    async put(family, key, value, { expiresAt } = {}) {
      assertWrite(family, ['last-write'], expiresAt)
      const one = write(family, key, value, { expiresAt })
      const saved = await raw.put(one)
      if (saved.outcome === 'saved') return
      const stored = (await readBack(family, [one.key]))?.get(one.key)
      if (stored?.nonce !== one.nonce) throw new ChatError('unavailable', { cause: new Error(saved.reason) })
    },

    async delete(family, key) {
      await raw.delete(fullKey(family, key))
    },
  }
}

function* batches(writes: readonly Write[]): Generator<readonly Write[]> {
  let batch: Write[] = []
  let bytes = 0
  for (const write of writes) {
    // Each quote in the text gains a backslash on its way through daprd.
    const size = 2 * write.text.length + write.key.length + 128
    if (batch.length === bulkWrites || (batch.length > 0 && bytes + size > bulkBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(write)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
