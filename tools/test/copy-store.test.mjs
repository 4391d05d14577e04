// Documents moved between real stores: PostgreSQL and Redis through a real daprd, FerretDB and PostgreSQL by their drivers.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLogger, createSidecar, daprRawStore, documentsOver } from '@parley/kit'
import { MongoClient } from 'mongodb'
import { copyStore } from '../copy-store/copy.mjs'
import { familiesOf } from '../copy-store/families.mjs'
import { placeOf, resourceOf } from '../copy-store/places.mjs'
import { componentRows } from '../copy-store/read.mjs'
import { startSidecar } from '../copy-store/sidecar.mjs'
import { provideDapr } from '../dapr.mjs'
import { hasGo } from '../lib/go-module.mjs'
import { startServers } from '../lib/infrastructure.mjs'
import { findProgram } from '../lib/packages.mjs'
import { choosePortOffset } from '../lib/run-file.mjs'
import { clearRunState, holdDirectory } from '../lib/run-state.mjs'
import { launch, newRunDir, until } from './running.mjs'

const service = 'messages'
const lacks = (await hasGo())
  ? findProgram('redis-server')
    ? false
    : 'there is no redis-server'
  : 'there is no Go'
const run = newRunDir()
const dataDir = `${run.directory}/.data`
/** `messages` has nothing that expires or is put; other services do. */
const families = new Map([
  ...(await familiesOf(service)),
  ['copied-lease', /** @type {const} */ ({ mode: 'log', expires: true })],
  ['copied-beat', /** @type {const} */ ({ mode: 'last-write', expires: true })],
])
/** @type {import('../lib/infrastructure.mjs').Infrastructure | undefined} */
let servers
let daprd = ''

before(async () => {
  if (lacks) return
  daprd = (await provideDapr()).daprd
  const all = ['postgres', 'redis', 'reference'].flatMap((set) => resourceOf(set, service) ?? [])
  servers = await startServers({ all, dataDir, portOffset: await choosePortOffset('auto') })
})
after(async () => {
  await servers?.stop()
  run.remove()
})

const secrets = () => /** @type {import('../lib/secrets.mjs').Secrets} */ (servers?.secrets)
const place = (/** @type {string} */ wish) =>
  placeOf(wish, { service, secrets: secrets(), runDir: run.directory, daprd })
/** The same PostgreSQL by its driver. */
const address = () => {
  const [, port, password] = /port=(\d+) .*password=(\S+)/.exec(String(secrets()['postgres-url'])) ?? []
  return `postgres://parley:${password}@127.0.0.1:${port}/parley`
}
const copy = (/** @type {string} */ from, /** @type {string} */ to, options = {}) =>
  copyStore({
    from: place(from),
    to: place(to),
    families,
    overwrite: false,
    onProgress: () => {},
    ...options,
  })

/**
 * @template T
 * @param {string} wish
 * @param {(store: import('@parley/kit').RawStore) => Promise<T>} work
 */
async function inStore(wish, work) {
  const { store, close } = await place(wish).open()
  return work(store).finally(close)
}

const soon = Date.now() + 3_600_000
const awkward = ['$$ROOT', 'a.b', '\\u007f \\ud83c', 'quote \' \\" \\\\', 'x'.repeat(250_000)]
/** Of every family of the service, as the adapters write them. */
const documents = [...families].flatMap(([prefix, { expires }]) =>
  Array.from({ length: 40 }, (_, i) => ({
    key: `${prefix}:k ${i} é.$`,
    text: `{"n":"nonce ${i}",${expires ? `"x":${soon + i},` : ''}"v":"${awkward[i] ?? i}"}`,
    ...(expires ? { ttlMs: soon + i - Date.now() + 3_600_000 } : {}),
  })),
)

async function fill(/** @type {import('@parley/kit').RawStore} */ store) {
  for (let start = 0; start < documents.length; start += 20) {
    const some = documents.slice(start, start + 20)
    const isPut = ({ key = '' }) => families.get(key.slice(0, key.indexOf(':')))?.mode === 'last-write'
    for (const one of some.filter(isPut)) assert.equal((await store.put(one)).outcome, 'saved')
    const created = some.filter((one) => !isPut(one))
    if (created.length > 0) assert.equal((await store.create(created)).size, created.length)
  }
}

describe('copying a store', { skip: lacks }, () => {
  test('keys, texts and expiry are the same in every store that they come through', async () => {
    await inStore('postgres', async (store) => {
      await fill(store)
      // Expired long ago, and of another service: neither goes along.
      await store.put({ key: 'copied-beat:gone', text: '{"n":"n","x":1,"v":0}', ttlMs: 60_000 })
      await store.put({ key: 'stranger:1', text: '{"n":"n","v":0}' })
    })
    const checksums = []
    const way = ['postgres', 'reference', 'redis', address()]
    for (const [i, to] of way.slice(1).entries()) {
      const { documents: count, copied, checksum } = await copy(String(way[i]), to)
      assert.deepEqual([count, copied], [documents.length, documents.length])
      checksums.push(checksum)
    }
    assert.equal(new Set(checksums).size, 1)
    await inStore(address(), async (store) => {
      for (const { key, text } of documents) assert.equal((await store.read([key])).get(key)?.data, text)
    })
  })

  test('a copy that was stopped goes on with what is missing', async () => {
    await inStore(address(), async (store) => {
      for (const { key } of documents) await store.delete(key)
    })
    const stopping = new AbortController()
    const onProgress = () => stopping.abort(new Error('Ctrl-C'))
    await assert.rejects(copy('reference', address(), { onProgress, signal: stopping.signal }), /Ctrl-C/)
    const { copied } = await copy('reference', address())
    assert.ok(copied > 0 && copied < documents.length, `${copied}`)
    assert.equal((await copy('reference', address())).copied, 0)
  })

  test('a target that has something else is left alone, unless it is to be made equal', async () => {
    const [one, two] = documents
    await inStore(address(), async (store) => {
      await store.delete(String(one?.key))
      await store.create([{ key: String(one?.key), text: '{"n":"newer","v":0}' }])
      await store.create([{ key: `${two?.key} more`, text: '{"n":"more","v":0}' }])
    })
    await assert.rejects(
      copy('reference', address()),
      /has 2 documents that .* does not have or has otherwise/,
    )
    assert.equal((await copy('reference', address(), { overwrite: true })).copied, 1)
    const stored = await inStore(address(), (store) => store.read([String(one?.key), `${two?.key} more`]))
    assert.deepEqual(
      [...stored.values()].map(({ data }) => data),
      [one?.text],
    )
  })

  test('a source that changes meanwhile is told', async () => {
    const from = place('reference')
    let looked = 0
    const changing = {
      ...from,
      async *rows() {
        looked++
        for await (const row of from.rows()) {
          if (looked === 3 && row.key === documents[0]?.key) yield { ...row, data: '{"n":"late","v":1}' }
          else yield row
        }
      },
    }
    await assert.rejects(copy('reference', 'redis', { from: changing }), /changed while it was read/)
  })

  test('what was created is not overwritten by a create, and what was put can be put', async () => {
    for (const wish of ['reference', 'redis', address()]) {
      await inStore(wish, async (raw) => {
        const store = documentsOver(raw)
        for (const [prefix, { mode, expires }] of families) {
          const schema = /** @type {any} */ ({ parse: (/** @type {unknown} */ data) => data })
          const family = { prefix, mode, expires, schema, upgrades: [] }
          const key = 'k 7 é.$'
          const options = expires ? { expiresAt: soon + 7 } : {}
          if (mode === 'last-write') {
            await store.put(/** @type {any} */ (family), key, '8', options)
            assert.equal((await store.get(family, key))?.value, '8')
            continue
          }
          const outcome = await store.create(/** @type {any} */ (family), key, 'other', options)
          assert.equal(outcome.outcome, 'exists', `${wish} ${prefix}`)
          assert.equal(outcome.outcome === 'exists' && outcome.stored.nonce, 'nonce 7')
        }
      })
    }
  })

  test('it does not start where Parley runs', async () => {
    await holdDirectory(dataDir, 0)
    try {
      const script = fileURLToPath(new URL('../copy-store.mjs', import.meta.url))
      const args = [
        '--service',
        service,
        '--from',
        'postgres',
        '--to',
        'redis',
        '--no-build',
        '--data',
        run.directory,
      ]
      assert.throws(
        () => execFileSync(process.execPath, [script, ...args], { stdio: 'pipe', encoding: 'utf8' }),
        /Parley runs here already/,
      )
    } finally {
      clearRunState(dataDir)
    }
  })
})

describe('what else can be read', { skip: lacks }, () => {
  const list = async (/** @type {import('../copy-store/read.mjs').Rows} */ rows) => {
    const found = new Map()
    for await (const { key, data } of rows) found.set(key, data)
    return found
  }

  test('SQLite, as daprd writes it', { skip: !findProgram('sqlite3') && 'there is no sqlite3' }, async () => {
    const file = join(run.directory, 'store.sqlite')
    const path = join(run.directory, 'store.yaml')
    const metadata = [
      { name: 'connectionString', value: file },
      { name: 'keyPrefix', value: 'none' },
    ]
    const component = {
      apiVersion: 'dapr.io/v1alpha1',
      kind: 'Component',
      metadata: { name: 'messages-store' },
      spec: { type: 'state.sqlite', version: 'v1', metadata },
    }
    writeFileSync(path, JSON.stringify(component))
    const { httpPort, stop } = await startSidecar({ daprd, service, path, runDir: run.directory })
    const sidecar = createSidecar({ httpPort, app: service, logger: createLogger(service, 'error') })
    try {
      await fill(daprRawStore({ sidecar, component: 'messages-store' }))
    } finally {
      await sidecar.close()
      await stop()
    }
    const found = await list(componentRows('state.sqlite/v1', { connectionString: file }).rows())
    assert.deepEqual(found, new Map(documents.map(({ key, text }) => [key, text])))
  })

  test('MongoDB, as the source of its component writes it', async () => {
    const url = String(secrets()['mongodb-url'])
    const client = new MongoClient(url)
    /** @type {import('mongodb').Collection<{ _id: string, value: string, _etag: string }>} */
    const collection = client.db('daprStore').collection('daprCollection')
    const some = documents.slice(0, 20)
    await collection.insertMany(
      some.map(({ key, text }) => ({ _id: key, value: JSON.stringify(text), _etag: 'e' })),
    )
    await client.close()
    // The user of our FerretDB belongs to another database.
    const address = `${url.replace(/parley$/, 'daprStore')}?authSource=parley`
    const found = await list(componentRows('state.mongodb/v1', { connectionString: address }).rows())
    assert.deepEqual(found, new Map(some.map(({ key, text }) => [key, text])))
  })
})

test('what was said on one set of stores is there on another', { skip: lacks }, async () => {
  const { directory, state, remove } = newRunDir()
  const where = ['--port-offset', 'auto', '--data', directory]
  const start = async (/** @type {string} */ stores) => {
    const parley = launch(['--stores', stores, ...where])
    await until(() => state()?.state === 'ready' || parley.child.exitCode !== null, 'the start', 90_000)
    assert.equal(state()?.state, 'ready', parley.output())
    return parley
  }
  const call = async (
    /** @type {string} */ path,
    /** @type {string} */ token,
    /** @type {unknown} */ body,
  ) => {
    const answer = await fetch(state()?.urls.gateway + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`)
    return /** @type {any} */ (await answer.json())
  }
  let parley = await start('postgres')
  try {
    const who = { username: `ada-${process.pid}`, password: 'correct horse battery' }
    const { accessToken } = await call('/api/auth/register', '', who)
    const group = { kind: 'group', title: 'Tea', memberIds: [] }
    const { id } = await call('/api/conversations', accessToken, group)
    const message = { clientId: 'one', text: 'hello' }
    const sent = await call(`/api/conversations/${id}/messages`, accessToken, message)
    parley.child.kill('SIGINT')
    assert.equal(await parley.exited, 0)

    // The accounts stay where they are: both sets have `auth` in the same table.
    const moved = launch(
      ['--service', 'messages', '--from', 'postgres', '--to', 'reference', ...where],
      'tools/copy-store.mjs',
    )
    assert.equal(await moved.exited, 0, moved.output())
    assert.match(
      moved.output(),
      /\d+ documents, \d+ of them copied now; both stores have the checksum [0-9a-f]{16}/,
    )

    parley = await start('reference')
    const again = await call('/api/auth/login', '', who)
    const page = await call(`/api/conversations/${id}/messages`, again.accessToken, undefined)
    assert.deepEqual(page.items, [sent])
    const repeated = await call(`/api/conversations/${id}/messages`, again.accessToken, message)
    assert.deepEqual(repeated, sent, 'its client id is known')
  } finally {
    parley.child.kill('SIGINT')
    await parley.exited
    remove()
  }
})
