import assert from 'node:assert/strict'
import { it } from 'node:test'
import { memoryDocumentStore } from '@parley/kit'
import { claimMs, createOutbox } from './outbox.ts'
import { testClock } from './testing/clock.ts'

const clock = testClock()
const now = clock.now()
const keysOf = (entries: readonly { key: string }[]) => entries.map(({ key }) => key)

it('what is due comes oldest first, wherever it lies', async () => {
  const outbox = createOutbox({ store: memoryDocumentStore(clock), clock })
  const keys = Array.from({ length: 50 }, (_, i) => `c:${i}:s`)
  for (const [i, key] of keys.entries()) await outbox.add([key], now - i)
  assert.deepEqual(keysOf(await outbox.due(now)), keys.toReversed())
  assert.deepEqual(keysOf(await outbox.due(now - 48)), ['c:49:s', 'c:48:s'])
})

it('of two who claim an entry at once one has it, and a claim that ran out belongs to nobody', async () => {
  const store = memoryDocumentStore(clock)
  const [one, two] = [createOutbox({ store, clock }), createOutbox({ store, clock })]
  await one.add(['c:1:s'], now)
  const seen = await one.due(now)
  const shard = seen[0]?.shard ?? ''
  const claims = await Promise.all([one.claim(shard, seen, now), two.claim(shard, seen, now)])
  const [claimed] = claims.flat()
  assert.equal(claims.flat().length, 1)
  assert.deepEqual(await two.due(now + claimMs - 1), [])
  const late = await two.due(now + claimMs)
  const [again] = await two.claim(shard, late, now + claimMs)
  assert.ok(claimed && again)
  await one.finish(claimed)
  assert.equal((await two.due(now + 2 * claimMs)).length, 1, 'whoever lost the claim cannot take it off')
  await two.finish(again)
  assert.deepEqual(await two.due(now + 9 * claimMs), [])
})

it('what is there already keeps its time and its claim', async () => {
  const outbox = createOutbox({ store: memoryDocumentStore(clock), clock })
  await outbox.add(['c:1:s'], now)
  const [entry] = await outbox.due(now)
  await outbox.claim(entry?.shard ?? '', await outbox.due(now), now)
  await outbox.add(['c:1:s'], now)
  assert.deepEqual(await outbox.due(now), [])
})
