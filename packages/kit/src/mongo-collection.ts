import { type Collection, type CollectionOptions, type Db, MongoClient, MongoServerError } from 'mongodb'
import type { DirectTimeouts } from './direct-store.ts'

/** A document of ours as it lies in a collection. */
export interface MongoItem {
  readonly _id: string
  readonly value: string
  readonly etag: string
  /** From when on it may be removed. */
  readonly collectAt?: Date
}

export const connectMongo = (
  url: string,
  connections: number,
  { readMs, writeMs }: DirectTimeouts,
): MongoClient =>
  new MongoClient(url, {
    appName: 'parley',
    maxPoolSize: connections,
    serverSelectionTimeoutMS: readMs,
    waitQueueTimeoutMS: readMs,
    connectTimeoutMS: readMs,
    // The driver (7.9) has no deadline for a whole call. This ends what a silent server still owes to someone who left.
    socketTimeoutMS: writeMs,
    // What a lost answer means is decided by the nonce, not by the driver.
    retryWrites: false,
  })

/**
 * Of a collection: above what the address says. Reads see only what a majority has: what a cut-off primary still shows
 * may be rolled back, and a read-back that saw its own nonce there would acknowledge what is then lost.
 */
export const durable: CollectionOptions = {
  readPreference: 'primary',
  readConcern: { level: 'majority' },
  writeConcern: { w: 'majority', journal: true },
}

/** The collection, made where it is absent. */
export async function openCollection(
  client: MongoClient,
  url: string,
  name: string,
): Promise<Collection<MongoItem>> {
  const database = client.db(databaseOf(url))
  await demandAtomicUpdates(database)
  await database.createCollection(name).catch((error: unknown) => {
    const exists = error instanceof MongoServerError && error.code === 48
    if (!exists) throw error
  })
  return database.collection<MongoItem>(name, durable)
}

/** The driver would take `test` where the address names none. */
function databaseOf(url: string): string {
  const [, name] = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(url) ?? []
  return name === undefined ? 'parley' : decodeURIComponent(name)
}

/**
 * FerretDB 1 finds a document first and replaces it later: of 32 writers with the same etag, up to 13 won (measured).
 * The one in tools/ferretdb is mended and says so.
 */
async function demandAtomicUpdates(database: Db): Promise<void> {
  const { ferretdbVersion } = await database.command({ buildInfo: 1 })
  if (ferretdbVersion !== undefined && !String(ferretdbVersion).endsWith('-parley'))
    throw new Error('it is a FerretDB 1, which lets several writers replace the same document')
}
