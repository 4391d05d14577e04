import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChatError, type DocumentStore, memoryDocumentStore } from '@parley/kit'
import { loadVapidKeys } from './vapid.ts'

/** Answers `unknown` to the first creates, which land or not. */
function doubtful(inner: DocumentStore, lands: boolean, times: number): DocumentStore {
  let left = times
  return {
    ...inner,
    async create(...args) {
      if (left-- <= 0) return inner.create(...args)
      if (lands) await inner.create(...args)
      return { outcome: 'unknown' }
    },
  }
}

describe('the keys of this installation', () => {
  it('are a pair on P-256', async () => {
    const { publicKey, privateKey } = await loadVapidKeys(memoryDocumentStore())
    assert.equal(Buffer.from(publicKey, 'base64url').length, 65)
    assert.equal(Buffer.from(privateKey, 'base64url').length, 32)
  })

  it('are drawn once, by whichever replica is first, and are the same for ever', async () => {
    const store = memoryDocumentStore()
    const all = await Promise.all(Array.from({ length: 16 }, () => loadVapidKeys(store)))
    assert.equal(new Set(all.map(({ privateKey }) => privateKey)).size, 1)
    assert.deepEqual(await loadVapidKeys(store), all[0])
  })

  for (const lands of [true, false])
    it(`are what is in the store after writes of unknown outcome that ${lands ? 'landed' : 'were lost'}`, async () => {
      const store = memoryDocumentStore()
      const keys = await loadVapidKeys(doubtful(store, lands, 2))
      assert.deepEqual(await loadVapidKeys(store), keys)
    })

  it('of another replica win over a write of unknown outcome', async () => {
    const store = memoryDocumentStore()
    const slow: DocumentStore = {
      ...store,
      async get(...args) {
        const found = await store.get(...args)
        await loadVapidKeys(store)
        return found
      },
    }
    assert.deepEqual(await loadVapidKeys(doubtful(slow, false, 2)), await loadVapidKeys(store))
  })

  it('are not guessed where the store does not say', async () => {
    const store = doubtful(memoryDocumentStore(), false, 100)
    await assert.rejects(
      loadVapidKeys(store),
      (error) => error instanceof ChatError && error.code === 'unavailable',
    )
  })
})
