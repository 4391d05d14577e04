// Every document of a database, as its owner lays it out: Dapr's state components, and our own adapters. Dapr's state API
// cannot list keys, so this reads the tables, collections and hashes themselves.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { findProgram } from '../lib/packages.mjs'
import { SetupError } from '../lib/terminal.mjs'

/** @typedef {{ key: string, data: unknown }} Row `data`: our text, or what a store made of it */
/** @typedef {AsyncGenerator<Row, void>} Rows */
/** @typedef {Readonly<Record<string, string>>} Metadata of a component, its secrets filled in */

/** Of rows in one answer: each may have 256 KiB. */
const page = 200

/**
 * @param {pg.ClientConfig} config
 * @param {string} table
 * @returns {Rows}
 */
async function* postgresRows(config, table) {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 10_000, query_timeout: 60_000 })
  await client.connect()
  try {
    const { rows: tables } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [table])
    if (!tables[0]?.there) return
    for (let last = ''; ; ) {
      const { rows } = await client.query(
        `SELECT key, value FROM ${table} WHERE key > $1 ORDER BY key LIMIT ${page}`,
        [last],
      )
      for (const { key, value } of rows) yield { key, data: String(value) }
      if (rows.length < page) return
      last = rows.at(-1).key
    }
  } finally {
    await client.end()
  }
}

/**
 * @param {string} url
 * @param {string | undefined} database of the address where it is left out
 * @param {string} name
 * @returns {Rows}
 */
async function* mongoRows(url, database, name) {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 })
  try {
    /** @type {import('mongodb').Collection<{ _id: string, value: unknown }>} */
    const collection = client.db(database).collection(name, { readPreference: 'primary' })
    for await (const { _id, value } of collection.find({}, { batchSize: page }))
      yield { key: String(_id), data: value }
  } finally {
    await client.close()
  }
}

/**
 * Other keys of the same Redis, such as those of its streams, are no hashes.
 * @param {Metadata} metadata
 * @returns {Rows}
 */
async function* redisRows({ redisHost = '', redisUsername, redisPassword, redisDB, enableTLS, redisType }) {
  if (redisType === 'cluster')
    throw new SetupError('A Redis cluster cannot be read: it has no one list of keys.')
  const [host = '', port = '6379'] = redisHost.split(':')
  const redis = new Redis({
    host,
    port: Number(port),
    ...(redisUsername ? { username: redisUsername } : {}),
    ...(redisPassword ? { password: redisPassword } : {}),
    db: Number(redisDB || 0),
    ...(enableTLS === 'true' ? { tls: {} } : {}),
    maxRetriesPerRequest: 3,
  })
  try {
    for await (const keys of redis.scanStream({ count: page })) {
      const answers = await redis
        .pipeline(keys.map((/** @type {string} */ key) => ['hget', key, 'data']))
        .exec()
      for (const [i, [error, data]] of (answers ?? []).entries()) {
        if (error && !error.message.startsWith('WRONGTYPE')) throw error
        if (!error && typeof data === 'string') yield { key: keys[i], data }
      }
    }
  } finally {
    redis.disconnect()
  }
}

/**
 * @param {string} file
 * @param {string} table
 * @returns {Rows}
 */
async function* sqliteRows(file, table) {
  if (!findProgram('sqlite3'))
    throw new SetupError('SQLite files are read by sqlite3: install it and try again.')
  const child = spawn('sqlite3', ['-readonly', '-json', file, `SELECT key, value FROM ${table}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  // One row a line: [{…}, {…}, … {…}]
  for await (const line of createInterface({ input: child.stdout })) {
    const { key, value } = JSON.parse(line.replace(/^\[/, '').replace(/[\],]$/, ''))
    yield { key, data: value }
  }
  if ((await ended) !== 0 && !said.includes('no such table')) throw new SetupError(`${file}: ${said.trim()}`)
}

/**
 * What Dapr keeps is JSON of our text.
 * @param {Rows} rows
 * @returns {Rows}
 */
async function* unwrapped(rows) {
  for await (const { key, data } of rows) yield { key, data: typeof data === 'string' ? parse(data) : data }
}

const parse = (/** @type {string} */ json) => {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

/** `host=… port=…`, as libpq and Dapr write it, or an address. */
function postgresConfig(/** @type {string} */ text) {
  if (/^postgres(ql)?:\/\//.test(text)) return { connectionString: text }
  const found = Object.fromEntries(
    [...text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))/g)].map(([, name = '', quoted, plain]) => [
      name,
      quoted?.replace(/\\(.)/g, '$1') ?? plain,
    ]),
  )
  const { host, port, user, password, dbname: database, sslmode = 'disable' } = found
  const ssl = ['require', 'verify-ca', 'verify-full'].includes(sslmode)
  return {
    host,
    port: Number(port || 5432),
    user,
    password,
    database,
    ...(ssl ? { ssl: { rejectUnauthorized: sslmode !== 'require' } } : {}),
  }
}

/**
 * @param {string} type of a state component, with its version
 * @param {Metadata} metadata
 * @returns {{ what: string, rows: () => Rows }}
 */
export function componentRows(type, metadata) {
  if (type === 'state.postgresql/v2') {
    const table = `${metadata.tablePrefix ?? ''}state`
    return {
      what: `PostgreSQL, table ${table}`,
      rows: () => unwrapped(postgresRows(postgresConfig(metadata.connectionString ?? ''), table)),
    }
  }
  if (type === 'state.redis/v1')
    return { what: `Redis at ${metadata.redisHost}`, rows: () => unwrapped(redisRows(metadata)) }
  if (type === 'state.sqlite/v1') {
    const file = (metadata.connectionString ?? '').replace(/^file:/, '').replace(/\?.*/, '')
    return {
      what: `SQLite, file ${file}`,
      rows: () => unwrapped(sqliteRows(file, metadata.tableName ?? 'state')),
    }
  }
  if (type === 'state.mongodb/v1' && metadata.connectionString) {
    const { connectionString: url, databaseName = 'daprStore', collectionName = 'daprCollection' } = metadata
    return {
      what: `MongoDB, collection ${collectionName}`,
      rows: () => unwrapped(mongoRows(url, databaseName, collectionName)),
    }
  }
  throw new SetupError(
    `How ${type} lays out its documents is not known here: copy from or to state.postgresql/v2, state.redis/v1, state.sqlite/v1, state.mongodb/v1 (by its connectionString), or an address.`,
  )
}

/**
 * @param {string} url
 * @param {string} name
 * @returns {{ what: string, rows: () => Rows }}
 */
export function addressRows(url, name) {
  if (/^postgres(ql)?:\/\//.test(url))
    return { what: `PostgreSQL, table ${name}`, rows: () => postgresRows({ connectionString: url }, name) }
  // As our adapter has it where the address names no database.
  const database = /^[^/]+\/\/[^/]+\/[^?]/.test(url) ? undefined : 'parley'
  return { what: `MongoDB, collection ${name}`, rows: () => mongoRows(url, database, name) }
}
