// Documents moved between real stores: PostgreSQL and Redis through a real daprd, FerretDB and PostgreSQL by their drivers.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { documentsOver } from '@parley/kit'
import { copyStore } from '../copy-store/copy.mjs'
import { familiesOf } from '../copy-store/families.mjs'
import { placeOf, resourceOf } from '../copy-store/places.mjs'
import { provideDapr } from '../dapr.mjs'
import { hasGo } from '../lib/go-module.mjs'
import { startServers } from '../lib/infrastructure.mjs'
import { findProgram } from '../lib/packages.mjs'
import { choosePortOffset } from '../lib/run-file.mjs'
import { clearRunState, holdDirectory } from '../lib/run-state.mjs'
import { newRunDir } from './running.mjs'

const service = 'messages'
const lacks = (await hasGo())
  ? findProgram('redis-server')
    ? false
    : 'there is no redis-server'
  : 'there is no Go'
const run = newRunDir()
const dataDir = `${run.directory}/.data`
const families = await familiesOf(service)
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
      const [expiring] = [...families].find(([, { expires }]) => expires) ?? []
      await store.put({ key: `${expiring}:gone`, text: '{"n":"n","x":1,"v":0}', ttlMs: 60_000 })
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

  test('what was created is not overwritten by a create, and what was put can be put', async () => {
    for (const wish of ['reference', 'redis', address()]) {
      await inStore(wish, async (raw) => {
        const store = documentsOver(raw)
        for (const [prefix, { mode, expires }] of families) {
          const schema = /** @type {any} */ ({
            safeParse: (/** @type {unknown} */ data) => ({ success: true, data }),
          })
          const family = { prefix, mode, expires, schema }
          const key = 'k 7 é.$'
          const options = expires ? { expiresAt: soon + 7 } : {}
          if (mode === 'last-write') {
            await store.put(/** @type {any} */ (family), key, '7', options)
            continue
          }
          const outcome = await store.create(/** @type {any} */ (family), key, 'other', options)
          assert.equal(outcome.outcome, 'exists', `${wish} ${prefix}`)
          assert.equal(outcome.outcome === 'exists' && outcome.stored.nonce, 'nonce 7')
        }
      })
    }
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
