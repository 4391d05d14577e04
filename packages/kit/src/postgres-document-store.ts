import pg from 'pg'
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
import { demanding, prepareTable } from './postgres-table.ts'
import type { RawStore, RawWrite, WriteOutcome } from './raw-store.ts'
import { startSweeper } from './sweeper.ts'

const sweepRows = 1_000

/**
 * Documents in a table of PostgreSQL: `key`, `value` (the text, which `value::json` reads), `etag`, and `collect_at`, from
 * when on the row may be removed. Rejects where the server cannot be reached or would lose what it acknowledges.
 */
export async function postgresDocumentStore(url: string, options: DirectStoreOptions): Promise<DirectStore> {
  const { store, close } = await postgresRawStore(url, options)
  return { ...documentsOver(store, options.clock), close }
}

/** Without the semantics of documents: for whoever copies them as they are. */
export async function postgresRawStore(
  url: string,
  { name, logger, timeouts: given, connections = 16, sweepEveryMs: everyMs }: DirectStoreOptions,
): Promise<{ store: RawStore; close(): Promise<void> }> {
  assertName(name)
  const timeouts = directTimeouts(given)
  const commit = await prepareTable(url, name)
  const pool = new pg.Pool({
    connectionString: demanding(url, commit),
    application_name: `parley ${name}`,
    max: connections,
    keepAlive: true,
    connectionTimeoutMillis: timeouts.readMs,
    // Whoever gave up wants no late landing, where it can be had.
    statement_timeout: timeouts.writeMs,
  })
  pool.on('error', (error) => logger.warn({ err: error }, 'an idle connection to PostgreSQL broke'))
  // A connection that breaks while it is used tells its query, and the process, unless somebody listens.
  pool.on('connect', (client) => client.on('error', () => {}))
  const query = queryOver(pool)
  const sweeper = startSweeper(
    async () => {
      const { rowCount } = await query(sweepOf(name), [sweepRows], timeouts.writeMs)
      return rowCount === sweepRows
    },
    { logger, everyMs },
  )
  return {
    store: rawStore(name, query, timeouts),
    async close() {
      sweeper.stop()
      await pool.end()
    },
  }
}

type Row = { readonly key: string; readonly value: string; readonly etag: string }
type Query = (text: string, values: readonly unknown[], ms: number) => Promise<pg.QueryResult<Row>>

function queryOver(pool: pg.Pool): Query {
  return async (text, values, ms) => {
    const deadline = performance.now() + ms
    const client = await pool.connect()
    let broken = true
    try {
      const request = { text, values: [...values], query_timeout: Math.max(1, deadline - performance.now()) }
      const result = await client.query<Row>(request)
      broken = false
      return result
    } catch (error) {
      // What the server itself refused leaves the connection as it was; after anything else it may hold an old answer.
      broken = !(error instanceof pg.DatabaseError)
      throw error
    } finally {
      client.release(broken)
    }
  }
}

function rawStore(table: string, query: Query, { readMs, writeMs }: DirectTimeouts): RawStore {
  async function write(text: string, values: readonly unknown[]): Promise<WriteOutcome> {
    try {
      const { rowCount } = await query(text, values, writeMs)
      return { outcome: rowCount === 1 ? 'saved' : 'refused' }
    } catch (error) {
      if (isFinal(error)) throw new ChatError('internal', { cause: error })
      return { outcome: 'failed', reason: String(error) }
    }
  }

  return {
    async read(keys) {
      const text = `SELECT key, value, etag FROM ${table} WHERE key = ANY($1)`
      const { rows } = await query(text, [keys], readMs).catch(rethrow)
      return new Map(rows.map(({ key, value, etag }) => [key, { data: value, etag }]))
    },

    async create(writes) {
      // In the order of their keys: two creates that share keys would otherwise wait for each other.
      const sorted = [...writes].sort((a, b) => (a.key < b.key ? -1 : 1))
      const rows = sorted.map((_, i) => `($${4 * i + 1}, $${4 * i + 2}, $${4 * i + 3}, ${after(4 * i + 4)})`)
      const text = `INSERT INTO ${table} (key, value, etag, collect_at) VALUES ${rows.join(', ')}
        ON CONFLICT (key) DO NOTHING RETURNING key, etag`
      try {
        const created = await query(text, sorted.flatMap(parameters), writeMs)
        return new Map(created.rows.map(({ key, etag }) => [key, etag]))
      } catch (error) {
        if (isFinal(error)) throw new ChatError('internal', { cause: error })
        return new Map()
      }
    },

    replace: (one, etag) =>
      write(
        `UPDATE ${table} SET value = $2, etag = $3, collect_at = ${after(4)} WHERE key = $1 AND etag = $5`,
        [...parameters(one), etag],
      ),

    put: (one) =>
      write(
        `INSERT INTO ${table} (key, value, etag, collect_at) VALUES ($1, $2, $3, ${after(4)})
          ON CONFLICT (key) DO UPDATE SET (value, etag, collect_at) = (excluded.value, excluded.etag, excluded.collect_at)`,
        parameters(one),
      ),

    async delete(key) {
      await query(`DELETE FROM ${table} WHERE key = $1`, [key], writeMs).catch(rethrow)
    },
  }
}

const parameters = ({ key, text, ttlMs }: RawWrite): readonly unknown[] => [key, text, newId(), ttlMs ?? null]

/** By the server's clock, to which our own clock's reading means little. */
const after = (parameter: number): string => `now() + $${parameter}::float8 * interval '1 ms'`

const sweepOf = (table: string): string => `DELETE FROM ${table} WHERE key IN (
  SELECT key FROM ${table} WHERE collect_at < now() ORDER BY collect_at LIMIT $1 FOR UPDATE SKIP LOCKED)`

/** Trying again cannot help: data that do not fit (22), a feature, table or right that is missing (0A, 42), a limit (54). */
const isFinal = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && /^(0A|22|42|54)/.test(error.code ?? '')

function rethrow(cause: unknown): never {
  throw new ChatError(isFinal(cause) ? 'internal' : 'unavailable', { cause })
}
