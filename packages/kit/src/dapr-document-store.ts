import { z } from 'zod'
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
import { ChatError } from './errors.ts'
import { newId } from './ids.ts'
import type { Sidecar } from './sidecar/sidecar.ts'
import type { StateDocument, StateItem } from './sidecar/state.ts'

/** What lies in the store, as one string: `n` the writer's nonce, `x` expiresAt, `v` the value. */
const envelope = z.object({ n: z.string(), x: z.number().optional(), v: z.unknown() })

/** The store may collect a document this long after it has expired for us: clocks of two machines never agree. */
const collectAfterMs = 3_600_000

/** One bulk save stays below daprd's limit of 4 MiB for a request, and a slow store can do it within the time-out. */
const bulkBytes = 3 * 1024 * 1024
const bulkSaves = 128
const bulkReads = 256

/** One write, encoded. */
interface Write {
  readonly key: string
  readonly nonce: string
  readonly item: StateItem
}

/**
 * Documents through the Dapr state API, on every store that passes the contract test.
 * A save that failed says nothing about what is in the store: so whoever fails reads the key back, and the nonce
 * tells whose write it is.
 */
export function daprDocumentStore(options: {
  readonly sidecar: Sidecar
  readonly component: string
  readonly clock?: Clock
}): DocumentStore {
  const { sidecar, component, clock = systemClock } = options
  const { state } = sidecar

  const alive = <T>(stored: Stored<T> | undefined): Stored<T> | undefined =>
    stored?.expiresAt !== undefined && stored.expiresAt <= clock.now() ? undefined : stored

  function encode(
    key: string,
    value: unknown,
    { nonce = newId(), expiresAt, etag, firstWrite }: WriteOptions,
  ): Write {
    const json = JSON.stringify({ n: nonce, ...(expiresAt === undefined ? {} : { x: expiresAt }), v: value })
    const ttlMs = expiresAt === undefined ? undefined : Math.max(0, expiresAt - clock.now()) + collectAfterMs
    return {
      key,
      nonce,
      item: {
        key,
        value: toAscii(json),
        firstWrite,
        ...(etag === undefined ? {} : { etag }),
        ...(ttlMs === undefined ? {} : { ttlSeconds: Math.ceil(ttlMs / 1000) }),
      },
    }
  }

  /** Reads the keys, expired documents too. */
  async function readAll<T>(family: Family<T>, keys: readonly string[]): Promise<Map<string, Stored<T>>> {
    const found = new Map<string, Stored<T>>()
    for (let start = 0; start < keys.length; start += bulkReads) {
      const documents = await state.getBulk(component, keys.slice(start, start + bulkReads))
      for (const [key, document] of documents) found.set(key, decode(family, key, document))
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
      return encode(fullKey(family, key), value, { firstWrite: true, ...given({ nonce, expiresAt }) })
    })
    if (new Set(writes.map(({ key }) => key)).size < writes.length)
      throw new TypeError(`createMany of "${family.prefix}" has a key twice`)
    const outcomes: CreateOutcome<T>[] = []
    for (const batch of batches(writes)) outcomes.push(...(await createBatch(family, batch)))
    return outcomes
  }

  async function createBatch<T>(family: Family<T>, writes: readonly Write[]): Promise<CreateOutcome<T>[]> {
    const saved = await state.save(
      component,
      writes.map(({ item }) => item),
    )
    if (saved.outcome === 'saved') return writes.map(() => ({ outcome: 'created' }))
    const found = await readBack(
      family,
      writes.map(({ key }) => key),
    )
    return Promise.all(
      writes.map((write): CreateOutcome<T> | Promise<CreateOutcome<T>> => {
        const stored = found?.get(write.key)
        // Absent now does not mean never: the write may still be on its way.
        if (stored === undefined) return { outcome: 'unknown' }
        if (stored.nonce === write.nonce) return { outcome: 'created', etag: stored.etag }
        return alive(stored) ? { outcome: 'exists', stored } : createOverExpired(family, write, stored.etag)
      }),
    )
  }

  /** An expired document that the store has not collected stands in the way: its etag lets one writer take its place. */
  async function createOverExpired<T>(
    family: Family<T>,
    write: Write,
    etag: string,
  ): Promise<CreateOutcome<T>> {
    const saved = await state.save(component, [{ ...write.item, etag }])
    if (saved.outcome === 'saved') return { outcome: 'created' }
    const stored = (await readBack(family, [write.key]))?.get(write.key)
    if (stored?.nonce === write.nonce) return { outcome: 'created', etag: stored.etag }
    return stored !== undefined && alive(stored) ? { outcome: 'exists', stored } : { outcome: 'unknown' }
  }

  return {
    async get(family, key) {
      const full = fullKey(family, key)
      const document = await state.get(component, full)
      return document && alive(decode(family, full, document))
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
      { nonce, expiresAt }: { readonly nonce?: string; readonly expiresAt?: number } = {},
    ): Promise<CreateOutcome<T>> {
      const [outcome] = await createAll(family, [{ key, value, ...given({ nonce, expiresAt }) }])
      return outcome ?? { outcome: 'unknown' }
    },

    createMany: createAll,

    async replace(family, key, value, etag, { expiresAt } = {}) {
      assertWrite(family, ['versioned'], expiresAt)
      const write = encode(fullKey(family, key), value, { etag, firstWrite: true, ...given({ expiresAt }) })
      const saved = await state.save(component, [write.item])
      if (saved.outcome === 'saved') return 'replaced'
      // daprd itself may have tried twice, so that a refusal can be of our own second try.
      const found = await readBack(family, [write.key])
      const stored = found?.get(write.key)
      if (stored?.nonce === write.nonce) return 'replaced'
      // With no refusal, another etag does not prove it: our write may have landed and been replaced since.
      return saved.outcome === 'refused' && found !== undefined && stored?.etag !== etag
        ? 'conflict'
        : 'unknown'
    },

    async put(family, key, value, { expiresAt } = {}) {
      assertWrite(family, ['last-write'], expiresAt)
      const write = encode(fullKey(family, key), value, { firstWrite: false, ...given({ expiresAt }) })
      const saved = await state.save(component, [write.item])
      if (saved.outcome === 'saved') return
      const stored = (await readBack(family, [write.key]))?.get(write.key)
      if (stored?.nonce !== write.nonce)
        throw new ChatError('unavailable', { cause: new Error(saved.reason) })
    },

    async delete(family, key) {
      await state.delete(component, fullKey(family, key))
    },
  }
}

interface WriteOptions {
  readonly nonce?: string
  readonly expiresAt?: number
  readonly etag?: string
  readonly firstWrite: boolean
}

/** Without the members that are undefined. */
function given<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

/** JSON in ASCII alone: no store, driver or console on the way can change it, U+007F and lone surrogates included. */
function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A store returns our string as JSON in JSON, or as the JSON that it holds. */
function decode<T>(family: Family<T>, key: string, document: StateDocument): Stored<T> {
  let content: unknown
  try {
    content = typeof document.data === 'string' ? JSON.parse(document.data) : document.data
  } catch (cause) {
    throw corrupt(key, cause)
  }
  const outer = envelope.safeParse(content)
  if (!outer.success) throw corrupt(key, outer.error)
  const { n, x, v } = outer.data
  const value = family.schema.safeParse(v)
  if (!value.success) throw corrupt(key, value.error)
  return { value: value.data, etag: document.etag, nonce: n, ...(x === undefined ? {} : { expiresAt: x }) }
}

function* batches(writes: readonly Write[]): Generator<readonly Write[]> {
  let batch: Write[] = []
  let bytes = 0
  for (const write of writes) {
    // Each quote in the value gains a backslash on the way.
    const size = 2 * write.item.value.length + write.key.length + 128
    if (batch.length === bulkSaves || (batch.length > 0 && bytes + size > bulkBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(write)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
