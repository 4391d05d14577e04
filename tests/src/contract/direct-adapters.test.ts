/** What is particular to the adapters without a sidecar: how they open, what they demand, and how they collect. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createLogger, defineFamily, newId, type Sidecar, selectDocumentStore } from '@parley/kit'
import { mongoRawStore } from '@parley/kit/mongo'
import { postgresDocumentStore, postgresRawStore } from '@parley/kit/postgres'
import { until } from '@parley/testkit'
import pg from 'pg'
import { z } from 'zod'
import { type StoreServer, startFerretdb, startPostgres } from './servers.ts'

const logger = createLogger('messages', 'silent')
const notes = defineFamily({ prefix: 'direct', mode: 'log', schema: z.object({ i: z.number() }) })
const options = () => ({
  name: `t_${newId()
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')}`,
  logger,
})

describe('PostgreSQL by pg', () => {
  let server: StoreServer | undefined
  let admin: pg.Client
  let reason: string | undefined
  before(async () => {
    const started = await startPostgres()
    if (typeof started === 'string') {
      reason = started
      return
    }
    server = started
    admin = new pg.Client({ connectionString: server.url })
    await admin.connect()
  })
  after(async () => {
    await admin?.end()
    await server?.close()
  })
  const on = (name: string, test: (url: string) => Promise<void>) =>
    it(name, async (t) => (server ? test(server.url) : t.skip(reason)))

  on('8 replicas make the same table at the same time', async (url) => {
    const same = options()
    const stores = await Promise.all(Array.from({ length: 8 }, () => postgresDocumentStore(url, same)))
    for (const [i, store] of stores.entries())
      assert.equal((await store.create(notes, newId(), { i })).outcome, 'created')
    for (const store of stores) await store.close()
  })

  on(
    'commits are on the disk before they are acknowledged, whatever the server and the address say',
    async (url) => {
      await admin.query('ALTER ROLE parley SET synchronous_commit = off')
      const own = options()
      const store = await postgresDocumentStore(`${url}?options=-c%20synchronous_commit%3Dlocal`, own)
      try {
        await admin.query(`
        CREATE TABLE seen (setting text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
        CREATE TRIGGER see BEFORE INSERT ON ${own.name} FOR EACH ROW EXECUTE FUNCTION see()`)
        await store.create(notes, newId(), { i: 1 })
        const { rows } = await admin.query<{ setting: string }>('SELECT setting FROM seen')
        assert.deepEqual(rows, [{ setting: 'on' }])
      } finally {
        await store.close()
        await admin.query('ALTER ROLE parley RESET synchronous_commit')
      }
    },
  )

  on('a server that does not sync is refused', async (url) => {
    const set = async (statement: string, expected: string) => {
      await admin.query(statement)
      await admin.query('SELECT pg_reload_conf()')
      await until(
        async () => (await admin.query('SHOW fsync')).rows[0]?.fsync === expected,
        `fsync ${expected}`,
      )
    }
    await set('ALTER SYSTEM SET fsync = off', 'off')
    await assert.rejects(postgresDocumentStore(url, options()), /its setting fsync is off/)
    await set('ALTER SYSTEM RESET fsync', 'on')
  })

  on('200 calls at once share a bounded number of connections', async (url) => {
    const own = options()
    const store = await postgresDocumentStore(url, { ...own, connections: 4 })
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, i) => store.create(notes, newId(), { i })),
    )
    assert.ok(outcomes.every(({ outcome }) => outcome === 'created'))
    const { rows } = await admin.query<{ n: string }>(
      'SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1',
      [`parley ${own.name}`],
    )
    assert.equal(Number(rows[0]?.n), 4)
    await store.close()
  })

  on('what has expired is collected, and nothing else', async (url) => {
    const { store, close } = await postgresRawStore(url, { ...options(), sweepEveryMs: 20 })
    await store.create([
      { key: 'gone', text: '{}', ttlMs: 0 },
      { key: 'later', text: '{}', ttlMs: 3_600_000 },
      { key: 'never', text: '{}' },
    ])
    await until(async () => (await store.read(['gone'])).size === 0, 'the collection')
    assert.deepEqual([...(await store.read(['later', 'never'])).keys()].sort(), ['later', 'never'])
    await close()
  })

  on('the service whose secret holds the address keeps its documents there', async (url) => {
    const sidecar = { secret: async (name: string) => (name === 'x-store-url' ? url : undefined) } as Sidecar
    const store = selectDocumentStore({ sidecar, component: 'x-store', logger })
    await assert.rejects(store.get(notes, 'a'), { code: 'unavailable' })
    await store.open()
    await store.create(notes, 'a', { i: 1 })
    const { rows } = await admin.query(`SELECT key, value::json -> 'v' AS v FROM x_documents`)
    assert.deepEqual(rows, [{ key: 'direct:a', v: { i: 1 } }])
    await store.close()
  })

  on('an address that is wrong is told without its password', async (url) => {
    const wrong = url.replace('contract', 'hunter2')
    await assert.rejects(postgresDocumentStore(wrong, options()), (error: Error) => {
      assert.match(error.message, /cannot keep .*password authentication failed/)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
    const sidecar = { secret: async () => 'redis://:hunter2@x' } as unknown as Sidecar
    await assert.rejects(selectDocumentStore({ sidecar, component: 'x-store', logger }).open(), {
      message: 'The secret x-store-url must start with postgres:// or mongodb://',
    })
  })
})

describe('FerretDB by mongodb', () => {
  let server: StoreServer | undefined
  let reason: string | undefined
  before(async () => {
    const started = await startFerretdb()
    if (typeof started === 'string') reason = started
    else server = started
  })
  after(async () => server?.close())
  const on = (name: string, test: (url: string) => Promise<void>) =>
    it(name, async (t) => (server ? test(server.url) : t.skip(reason)))

  on('8 replicas make the same collection at the same time', async (url) => {
    const same = options()
    const opened = await Promise.all(Array.from({ length: 8 }, () => mongoRawStore(url, same)))
    for (const [i, { store }] of opened.entries())
      assert.equal((await store.create([{ key: `${i}`, text: '{}' }])).size, 1)
    for (const { close } of opened) await close()
  })

  on('what has expired is collected where the server has no index for it, and nothing else', async (url) => {
    const { store, close } = await mongoRawStore(url, { ...options(), sweepEveryMs: 20 })
    await store.create([
      { key: 'gone', text: '{}', ttlMs: 0 },
      { key: 'later', text: '{}', ttlMs: 3_600_000 },
      { key: 'never', text: '{}' },
    ])
    await until(async () => (await store.read(['gone'])).size === 0, 'the collection')
    assert.deepEqual([...(await store.read(['later', 'never'])).keys()].sort(), ['later', 'never'])
    await close()
  })

  on('an address that is wrong is told without its password', async (url) => {
    await assert.rejects(mongoRawStore(url.replace('contract', 'hunter2'), options()), (error: Error) => {
      assert.match(error.message, /cannot keep .*Authentication failed/)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
  })
})
