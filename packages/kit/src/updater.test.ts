import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import type { Clock } from './clock.ts'
import { type DocumentStore, defineFamily } from './document-store.ts'
import { memoryDocumentStore } from './memory-document-store.ts'
import { createUpdater } from './updater.ts'

const family = defineFamily({
  prefix: 'set',
  mode: 'versioned',
  schema: z.object({ items: z.array(z.string()) }),
})
type Set = { items: string[] }
/** Pauses between tries pass at once: nothing is timed by them. */
const clock: Clock = {
  now: () => 0,
  setTimeout(fn) {
    const timer = setImmediate(fn)
    return { cancel: () => clearImmediate(timer) }
  },
}
const add =
  (item: string) =>
  (set: Set | undefined): Set | undefined =>
    set?.items.includes(item) ? set : { items: [...(set?.items ?? []), item] }

/** Counts writes; `lie` turns the outcome of a write into "unknown", after it landed or without. */
function watched(store: DocumentStore, lie: () => 'landed' | 'lost' | undefined = () => undefined) {
  const counts = { writes: 0 }
  const wrapped: DocumentStore = {
    ...store,
    async create(...args) {
      counts.writes++
      const told = lie()
      if (told === 'lost') return { outcome: 'unknown' }
      const outcome = await store.create(...args)
      return told === 'landed' ? { outcome: 'unknown' } : outcome
    },
    async replace(...args) {
      counts.writes++
      const told = lie()
      if (told === 'lost') return 'unknown'
      const outcome = await store.replace(...args)
      return told === 'landed' ? 'unknown' : outcome
    },
  }
  return { store: wrapped, counts }
}

describe('an updater', () => {
  it('makes one write of what is asked while a write is under way', async () => {
    const { store, counts } = watched(memoryDocumentStore(clock))
    const update = createUpdater(store, family, clock)
    await Promise.all(Array.from({ length: 100 }, (_, i) => update('k', add(`i${i}`))))
    assert.equal((await store.get(family, 'k'))?.value.items.length, 100)
    assert.equal(counts.writes, 2)
  })

  it('loses nothing among replicas', async () => {
    const store = memoryDocumentStore(clock)
    const replicas = Array.from({ length: 3 }, () => createUpdater(store, family, clock))
    await Promise.all(
      replicas.flatMap((update, r) => Array.from({ length: 20 }, (_, i) => update('k', add(`${r}-${i}`)))),
    )
    assert.equal((await store.get(family, 'k'))?.value.items.length, 60)
  })

  it('writes nothing where nothing changes', async () => {
    const { store, counts } = watched(memoryDocumentStore(clock))
    const update = createUpdater(store, family, clock)
    await update('k', add('x'))
    assert.deepEqual(await update('k', add('x')), { items: ['x'] })
    assert.equal(await update('absent', (value) => value), undefined)
    assert.equal(counts.writes, 1)
  })

  for (const what of ['landed', 'lost'] as const)
    it(`tries again after an unknown outcome that ${what}`, async () => {
      const lies = [what, undefined, what, undefined]
      const { store } = watched(memoryDocumentStore(clock), () => lies.shift())
      const update = createUpdater(store, family, clock)
      await update('k', add('x'))
      await update('k', add('y'))
      assert.deepEqual((await store.get(family, 'k'))?.value.items, ['x', 'y'])
    })

  it('gives up with an error that can be tried again, and goes on with what comes next', async () => {
    let broken = true
    const { store, counts } = watched(memoryDocumentStore(clock), () => (broken ? 'lost' : undefined))
    const update = createUpdater(store, family, clock)
    await assert.rejects(update('k', add('x')), { code: 'unavailable' })
    assert.equal(counts.writes, 8)
    broken = false
    assert.deepEqual(await update('k', add('y')), { items: ['y'] })
  })
})
