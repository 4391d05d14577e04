import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ChatError } from './errors.ts'
import { memoryDocumentStore } from './memory-document-store.ts'
import { checkStore } from './store-check.ts'

it('a store is ready when it answers a read', async () => {
  assert.equal(await checkStore(memoryDocumentStore()), 'ok')
})

it('a store that fails is not ready', async () => {
  const get = () => Promise.reject(new ChatError('unavailable', { cause: new Error('at db:5432') }))
  assert.equal(await checkStore({ get }), 'the store does not answer')
})

it('a store that hangs is not ready, and is not waited for', async () => {
  assert.equal(await checkStore({ get: () => new Promise(() => {}) }), 'the store does not answer')
})
