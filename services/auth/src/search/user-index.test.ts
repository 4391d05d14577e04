import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DocumentStore, memoryDocumentStore } from '@parley/kit'
import { goOn, type Step, steppedStore, testClock } from '../testing/stubs.ts'
import { isFoundBy, type Named, userIdOf } from './terms.ts'
import { leafEntries } from './tree.ts'
import { createUserIndex } from './user-index.ts'

const clock = testClock()
const newIndex = (store: DocumentStore) => createUserIndex({ store, clock })

const dead: Step = (access) => {
  if (access !== 'get') throw new Error('killed')
}

/** Few first letters, many equal names: what makes nodes split deep. */
const population = (count: number): Named[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `usr_${String(i).padStart(6, '0')}`,
    username: `bench-${i}`,
    displayName: i % 3 === 0 ? 'Alex Müller' : `Alex ${'abcdefgh'[i % 8]}${i % 50}`,
  }))

async function idsFor(index: ReturnType<typeof newIndex>, query: string): Promise<string[]> {
  const ids = new Set<string>()
  for await (const entry of index.candidates(query)) ids.add(userIdOf(entry))
  return [...ids].sort()
}

const queries = ['be', 'bench-1', 'bench-123', 'al', 'alex m', 'alex müller', 'mü', 'a1', 'g4', 'zz']

async function assertAllFound(index: ReturnType<typeof newIndex>, users: readonly Named[]): Promise<void> {
  for (const query of queries) {
    const expected = users.filter((user) => isFoundBy(user, query)).map(({ id }) => id)
    assert.deepEqual(await idsFor(index, query), expected.sort(), query)
  }
}

test('two replicas that index 1,000 people at once lose none, and no node outgrows its bound', async () => {
  const inner = memoryDocumentStore(clock)
  let largest = 0
  const store: DocumentStore = {
    ...inner,
    replace(family, key, value, ...rest) {
      const { entries } = value as { entries?: string[] }
      largest = Math.max(largest, entries?.length ?? 0)
      return inner.replace(family, key, value, ...rest)
    },
  }
  const [one, two] = [newIndex(store), newIndex(store)]
  const users = population(1_000)
  await Promise.all(users.map((user, i) => (i % 2 ? one : two).add(user)))
  await assertAllFound(one, users)
  assert.ok(largest <= leafEntries)
})

test('adding again writes nothing', async () => {
  const { store, steps } = steppedStore(memoryDocumentStore(clock))
  const index = newIndex(store)
  const users = population(300)
  await Promise.all(users.map(index.add))
  steps.before = dead
  await Promise.all(users.map(index.add))
})

test('killed before any one of the writes of a split: nobody who was found is lost, and adding again completes it', async () => {
  const users = population(leafEntries + 40)
  const before = users.slice(0, leafEntries)
  for (let survived = 0; ; survived++) {
    const { store, steps } = steppedStore(memoryDocumentStore(clock))
    await Promise.all(before.map(newIndex(store).add))
    let writes = 0
    steps.before = (access, family) => {
      if (access !== 'get' && ++writes > survived) return dead(access, family)
    }
    const added = await Promise.allSettled(users.map(newIndex(store).add))
    steps.before = goOn
    const restarted = newIndex(store)
    for (const query of queries) {
      const found = await idsFor(restarted, query)
      for (const user of before) assert.ok(!isFoundBy(user, query) || found.includes(user.id), query)
    }
    await Promise.all(users.map(restarted.add))
    await assertAllFound(restarted, users)
    if (added.every(({ status }) => status === 'fulfilled')) break
  }
})

test('a rename takes the old entries away', async () => {
  const index = newIndex(memoryDocumentStore(clock))
  const before = { id: 'usr_1', username: 'ada', displayName: 'Ada Byron' }
  await index.add(before)
  await index.rename(before, { ...before, displayName: 'Ada Lovelace' })
  assert.deepEqual(await idsFor(index, 'byron'), [])
  assert.deepEqual(await idsFor(index, 'ada'), ['usr_1'])
  assert.deepEqual(await idsFor(index, 'lovelace'), ['usr_1'])
})
