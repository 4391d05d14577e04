import { type Collection, MongoBulkWriteError, MongoServerError } from 'mongodb'
import { within } from './deadline.ts'
import {
  assertName,
  type DirectStore,
  type DirectStoreOptions,
  type DirectTimeouts,
  directTimeouts,
} from './direct-store.ts'
import { documentsOver } from './documents-over.ts'
import { ChatError } from './errors.ts'
import { newId } from './ids.ts'
import type { Logger } from './logger.ts'
import { connectMongo, type MongoItem, openCollection } from './mongo-collection.ts'
import type { RawStore, RawWrite, WriteOutcome } from './raw-store.ts'
import { type Sweeper, startSweeper } from './sweeper.ts'

/** Documents in a collection of MongoDB. Rejects where the server cannot be reached or would not keep its promises. */
export async function mongoDocumentStore(url: string, options: DirectStoreOptions): Promise<DirectStore> {
  const { store, close } = await mongoRawStore(url, options)
  return { ...documentsOver(store, options.clock), close }
}

/** Without the semantics of documents: for whoever copies them as they are. */
export async function mongoRawStore(
  url: string,
  { name, logger, timeouts: given, connections = 32, sweepEveryMs }: DirectStoreOptions,
): Promise<{ store: RawStore; close(): Promise<void> }> {
  assertName(name)
  const timeouts = directTimeouts(given)
  const client = connectMongo(url, connections, timeouts)
  try {
    const collection = await openCollection(client, url, name)
    const sweeper = await collectExpired(collection, logger, sweepEveryMs)
    return {
      store: rawStore(collection, timeouts),
      async close() {
        sweeper?.stop()
        await client.close()
      },
    }
  } catch (cause) {
    await client.close()
    throw new Error(`MongoDB cannot keep ${name}: ${(cause as Error).message}`, { cause })
  }
}

function rawStore(collection: Collection<MongoItem>, { readMs, writeMs }: DirectTimeouts): RawStore {
  async function write(work: () => Promise<{ matchedCount: number; upsertedCount: number }>) {
    try {
      const { matchedCount, upsertedCount } = await within(writeMs, work())
      return { outcome: matchedCount + upsertedCount === 1 ? 'saved' : 'refused' } satisfies WriteOutcome
    } catch (error) {
      if (isFinal(error)) throw new ChatError('internal', { cause: error })
      return { outcome: 'failed', reason: String(error) } satisfies WriteOutcome
    }
  }

  return {
    async read(keys) {
      const cursor = collection.find(
        { _id: { $in: [...keys] } },
        { maxTimeMS: readMs, batchSize: keys.length + 1 },
      )
      const items = await within(readMs, cursor.toArray()).catch(rethrow)
      return new Map(items.map(({ _id, value, etag }) => [_id, { data: value, etag }]))
    },

    async create(writes) {
      const items = writes.map(toItem)
      try {
        await within(writeMs, collection.insertMany(items, { ordered: false }))
        return new Map(items.map(({ _id, etag }) => [_id, etag]))
      } catch (error) {
        if (isFinal(error)) throw new ChatError('internal', { cause: error })
        return writtenInSpiteOf(error, items)
      }
    },

    replace(one, etag) {
      const { _id, ...rest } = toItem(one)
      return write(() => collection.replaceOne({ _id, etag }, rest))
    },

    async put(one) {
      const { _id, ...rest } = toItem(one)
      const outcome = () => write(() => collection.replaceOne({ _id }, rest, { upsert: true }))
      const first = await outcome()
      // Of two upserts of an absent document, one can lose with a duplicate key: now it is there to be replaced.
      return first.outcome === 'failed' && first.reason?.includes('E11000') ? outcome() : first
    },

    async delete(key) {
      await within(writeMs, collection.deleteOne({ _id: key })).catch(rethrow)
    },
  }
}

const toItem = ({ key, text, ttlMs }: RawWrite): MongoItem => ({
  _id: key,
  value: text,
  etag: newId(),
  ...(ttlMs === undefined ? {} : { collectAt: new Date(Date.now() + ttlMs) }),
})

const duplicateKey = 11_000

/**
 * After an unordered insert whose only errors are taken keys, the others are written. (The driver wraps a broken
 * connection in the same error, with no failures in it.)
 */
function writtenInSpiteOf(error: unknown, items: readonly MongoItem[]): Map<string, string> {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined)
    return new Map()
  const failures = [error.writeErrors].flat()
  if (failures.length === 0 || failures.some(({ code }) => code !== duplicateKey)) return new Map()
  const taken = new Set(failures.map(({ index }) => index))
  return new Map(items.filter((_, i) => !taken.has(i)).map(({ _id, etag }) => [_id, etag]))
}

/** BadValue, FailedToParse, Unauthorized, NotImplemented, BSONObjectTooLarge: trying again cannot help. */
const finalCodes: readonly unknown[] = [2, 9, 13, 238, 10_334]
const isFinal = (error: unknown): boolean =>
  error instanceof MongoServerError && finalCodes.includes(error.code)

function rethrow(cause: unknown): never {
  throw new ChatError(isFinal(cause) ? 'internal' : 'unavailable', { cause })
}

/** The server's own way to collect what has expired, or ours where it has none. */
async function collectExpired(
  collection: Collection<MongoItem>,
  logger: Logger,
  everyMs: number | undefined,
): Promise<Sweeper | undefined> {
  try {
    await collection.createIndex({ collectAt: 1 }, { expireAfterSeconds: 0 })
    return undefined
  } catch (error) {
    const notImplemented = error instanceof MongoServerError && error.code === 238
    if (!notImplemented) throw error
  }
  return startSweeper(
    async () => {
      await collection.deleteMany({ collectAt: { $lt: new Date() } })
      return false
    },
    { logger, everyMs },
  )
}
