// Makes the documents of a service in one place equal to those in another: same keys, same texts (and with them nonces and
// expiry). Etags are new. Run again after an interruption, it goes on with what is missing.
import { createHash } from 'node:crypto'
import { contentOf, ttlMs } from '@parley/kit'
import { SetupError } from '../lib/terminal.mjs'

/** @typedef {import('./places.mjs').Place} Place */
/** @typedef {import('@parley/kit').RawStore} RawStore */
/** @typedef {{ key: string, text: string, expiresAt?: number }} Document */
/** @typedef {Map<string, string>} Digests key → digest of its text; about 300 bytes each (measured) */
/** @typedef {ReadonlyMap<string, { mode: import('@parley/kit').Mode }>} Families */

const batchDocuments = 100
const batchBytes = 2 * 1024 * 1024
const tries = 5

const digestOf = (/** @type {string} */ text) =>
  createHash('sha256').update(text).digest('base64url').slice(0, 22)
const prefixOf = (/** @type {string} */ key) => key.slice(0, key.indexOf(':'))

/**
 * The documents of these families that have not expired by then. An expired one reads as absent, and stores collect it
 * when they like.
 * @param {Place} place
 * @param {Families} families
 * @param {number} now
 * @returns {AsyncGenerator<Document & { expired: boolean }>}
 */
async function* documentsIn(place, families, now) {
  for await (const { key, data } of place.rows()) {
    if (!families.has(prefixOf(key))) continue
    const content = contentOf(data)
    if (!content)
      throw new SetupError(`In ${place.what}, "${key}" holds something else than a document of Parley's.`)
    yield { key, ...content, expired: content.expiresAt !== undefined && content.expiresAt <= now }
  }
}

/**
 * @param {Place} place
 * @param {Families} families
 * @param {number} now
 * @returns {Promise<{ live: Digests, expired: Set<string> }>}
 */
async function lookThrough(place, families, now) {
  /** @type {Digests} */
  const live = new Map()
  const expired = new Set()
  // Redis may tell a key twice.
  for await (const { key, text, expired: isExpired } of documentsIn(place, families, now)) {
    if (isExpired) expired.add(key)
    else live.set(key, digestOf(text))
  }
  return { live, expired }
}

/** The same for the same documents, in whatever order a store tells them. */
export function checksumOf(/** @type {Digests} */ digests) {
  const hash = createHash('sha256')
  for (const key of [...digests.keys()].sort()) hash.update(`${key}\0${digests.get(key)}\0`)
  return hash.digest('hex').slice(0, 16)
}

/**
 * @param {object} options
 * @param {Place} options.from
 * @param {Place} options.to
 * @param {Families} options.families
 * @param {boolean} options.overwrite
 * @param {(done: number, total: number) => void} options.onProgress
 * @param {AbortSignal} [options.signal]
 * @param {number} [options.now]
 */
export async function copyStore({ from, to, families, overwrite, onProgress, signal, now = Date.now() }) {
  const { live: source } = await lookThrough(from, families, now)
  const found = await lookThrough(to, families, now)
  const strange = [...found.live].filter(([key, digest]) => source.get(key) !== digest).map(([key]) => key)
  if (strange.length > 0 && !overwrite) {
    throw new SetupError(
      `${to.what} has ${strange.length} documents that ${from.what} does not have or has otherwise: is it the right way round? With --overwrite they are replaced or removed.`,
    )
  }
  const missing = new Set([...source.keys()].filter((key) => found.live.get(key) !== source.get(key)))
  const { store, close } = await to.open()
  try {
    const inTheWay = [...strange, ...[...found.expired].filter((key) => source.has(key))]
    for (const key of inTheWay) await again(() => store.delete(key))
    let done = source.size - missing.size
    for await (const batch of batchesOf(documentsIn(from, families, now), missing)) {
      signal?.throwIfAborted()
      for (const { key, text } of batch) {
        if (source.get(key) !== digestOf(text)) throw new SetupError(changed(from))
      }
      await write(store, batch, families)
      done += batch.length
      onProgress(done, source.size)
    }
  } finally {
    await close()
  }
  return verify({ from, to, families, source, now, copied: missing.size })
}

/**
 * @param {AsyncIterable<Document>} documents
 * @param {ReadonlySet<string>} wanted each is told once
 * @returns {AsyncGenerator<Document[]>}
 */
async function* batchesOf(documents, wanted) {
  const left = new Set(wanted)
  /** @type {Document[]} */
  let batch = []
  let bytes = 0
  for await (const document of documents) {
    if (!left.delete(document.key)) continue
    batch.push(document)
    bytes += document.text.length
    if (batch.length < batchDocuments && bytes < batchBytes) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

/**
 * A create of a key that was put, or the other way round, would leave marks of the wrong mode on Redis.
 * @param {RawStore} store
 * @param {readonly Document[]} documents
 * @param {Families} families
 */
async function write(store, documents, families) {
  /** @param {Document} document */
  const toWrite = ({ key, text, expiresAt }) => ({
    key,
    text,
    ...(expiresAt === undefined ? {} : { ttlMs: ttlMs(expiresAt, Date.now()) }),
  })
  let left = [...documents]
  for (let tried = 0; tried < tries; tried++) {
    const [put, created] = [true, false].map((last) =>
      left.filter(({ key }) => (families.get(prefixOf(key))?.mode === 'last-write') === last).map(toWrite),
    )
    for (const one of put ?? []) await store.put(one)
    if (created && created.length > 0) await store.create(created)
    const stored = await again(() => store.read(left.map(({ key }) => key)))
    left = left.filter(({ key, text }) => contentOf(stored.get(key)?.data)?.text !== text)
    if (left.length === 0) return
  }
  throw new SetupError(
    `${left.length} documents, such as "${left[0]?.key}", could not be written. Run the same again when the store is well.`,
  )
}

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function again(work) {
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      if (tried === tries) throw error
    }
  }
}

/**
 * @param {{ from: Place, to: Place, families: Families, source: Digests, now: number, copied: number }} options
 */
async function verify({ from, to, families, source, now, copied }) {
  const [{ live: before }, { live: after }] = [
    await lookThrough(from, families, now),
    await lookThrough(to, families, now),
  ]
  const checksum = checksumOf(source)
  if (checksumOf(before) !== checksum) throw new SetupError(changed(from))
  if (checksumOf(after) !== checksum) {
    throw new SetupError(
      `${to.what} has ${after.size} documents with the checksum ${checksumOf(after)} instead of ${source.size} with ${checksum}: does something write to it? Run the same again.`,
    )
  }
  return { documents: source.size, copied, checksum }
}

const changed = (/** @type {Place} */ { what }) =>
  `${what} changed while it was read: stop everything that writes to it, then run the same again.`
