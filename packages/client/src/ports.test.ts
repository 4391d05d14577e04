import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserStorage, type WebStorage } from './ports.ts'

/** The Web Storage API over a map; `full` refuses what is set, as browsers do. */
function webStorage() {
  const items = new Map<string, string>()
  const web: WebStorage & { full: boolean } = {
    full: false,
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem(key, value) {
      if (web.full) throw new DOMException('full', 'QuotaExceededError')
      items.set(key, value)
    },
    removeItem: (key) => void items.delete(key),
  }
  return web
}

test('browser storage: what is set is there for the next page', () => {
  const web = webStorage()
  browserStorage(web).set('a.1', 'one')
  const reloaded = browserStorage(web)
  assert.equal(reloaded.get('a.1'), 'one')
  assert.deepEqual(reloaded.keys('a.'), ['a.1'])
  reloaded.remove('a.1')
  assert.equal(reloaded.get('a.1'), undefined)
})

test('browser storage that is full: this page goes on, and the next one finds no stale value', () => {
  const web = webStorage()
  const storage = browserStorage(web)
  storage.set('token', 'old')
  web.full = true
  storage.set('token', 'new')
  storage.set('other', 'also')
  assert.equal(storage.get('token'), 'new')
  assert.deepEqual(storage.keys('').sort(), ['other', 'token'])
  assert.equal(browserStorage(web).get('token'), undefined)
  web.full = false
  storage.set('token', 'newest')
  assert.equal(browserStorage(web).get('token'), 'newest')
})
