import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createStore } from './store.ts'

it('tells once of all that happened in one go, and of nothing where nothing changed', async () => {
  const store = createStore(0, (sum, add: number) => sum + add)
  const told: number[] = []
  const stop = store.subscribe(() => told.push(store.get()))
  for (const add of [1, 2, 3]) store.dispatch(add)
  assert.equal(store.get(), 6, 'the state is there at once')
  await null
  store.dispatch(0)
  await null
  store.dispatch(4)
  await null
  stop()
  store.dispatch(5)
  await null
  assert.deepEqual(told, [6, 10])
})
