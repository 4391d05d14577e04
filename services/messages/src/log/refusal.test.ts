import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { add, at, post, remove } from '../testing/builders.ts'
import { say, startLog } from '../testing/start-log.ts'
import { inForce, refusalMs, refusedForGood, settleRefusal } from './refusal.ts'
import { families, keys, type RefusedRecord, type Sent } from './stored.ts'

const refused = { code: 'conversation_not_found', message: 'no' } as const
const key = keys.sent('room', 'bob', 'b1')
const record = (phase: RefusedRecord['phase'], more: Partial<RefusedRecord> = {}): RefusedRecord => ({
  refused,
  phase,
  until: Date.parse(at) + refusalMs,
  ...more,
})

async function begin(...people: string[]) {
  const log = startLog()
  await log.begin('ann', ...people)
  const settle = async () => settleRefusal({ ...log }, await log.view(), post('bob', 'b1'))
  const stored = async () => (await log.store.get(families.sent, key))?.value
  const put = (value: Sent) => log.store.create(families.sent, key, value)
  return { ...log, settle, stored, put }
}

describe('a refusal for what the log says', () => {
  it('is announced, then final', async () => {
    const log = await begin()
    const outcome = await log.settle()
    assert.ok(typeof outcome === 'object' && outcome.code === 'conversation_not_found')
    const stored = await log.stored()
    assert.ok(stored && 'phase' in stored && stored.phase === 'final')
  })

  it('takes no place in the log, whoever asks and however often', async () => {
    const log = await begin()
    for (let i = 0; i < 20; i++) await log.submit(post('eve', `e${i}`))
    assert.equal((await log.view()).n, 1)
  })

  const left: [string, Sent, boolean, string][] = [
    [
      'a tentative one of who is out still is made final',
      record('tentative'),
      false,
      'conversation_not_found',
    ],
    ['a tentative one of who is in by now is withdrawn', record('tentative'), true, 'reconsider'],
    ['a final one stands, also where they are in by now', record('final'), true, 'conversation_not_found'],
    ['a withdrawn one says nothing', record('withdrawn'), true, 'reconsider'],
    ['one that has lapsed says nothing', record('final', { until: Date.parse(at) }), true, 'reconsider'],
    ['what is stored is not refused', { seq: 3 }, false, 'reconsider'],
  ]
  for (const [what, before, isIn, expected] of left)
    it(`a crash has left something: ${what}`, async () => {
      const log = await begin(...(isIn ? ['bob'] : []))
      await log.put(before)
      const outcome = await log.settle()
      assert.equal(typeof outcome === 'object' ? outcome.code : outcome, expected)
    })

  it('gives way to a member who was taken in between the announcement and the last look', async () => {
    const log = await begin()
    const other = startLog({ store: log.store, name: 'b' })
    const get = log.store.get.bind(log.store)
    let looks = 0
    const store: typeof log.store = {
      ...log.store,
      async get(family, wanted) {
        // After the tentative record is written, and before the log is read again.
        if (++looks === 2) await other.submit(add('ann', 'x', 'bob'))
        return get(family, wanted)
      },
    }
    const outcome = await settleRefusal({ ...log, store }, await log.view(), post('bob', 'b1'))
    assert.equal(outcome, 'reconsider')
    assert.equal(say(await log.submit(post('bob', 'b1'))), 'stored 4')
  })

  it('is withdrawn before a copy is stored: whoever announced it cannot make it final any more', async () => {
    const log = await begin('bob')
    await log.put(record('tentative'))
    const announced = await log.store.get(families.sent, key)
    assert.equal(say(await log.submit(post('bob', 'b1'))), 'stored 4')
    const final = await log.store.replace(families.sent, key, record('final'), announced?.etag ?? '')
    assert.equal(final, 'conflict')
  })

  it('finds a copy that another replica has stored meanwhile', async () => {
    const log = await begin('bob')
    const other = startLog({ store: log.store, name: 'b' })
    await log.view()
    await other.submit(post('bob', 'b1'))
    await other.submit(remove('ann', 'x', 'bob'))
    assert.equal(say(await log.submit(post('bob', 'b1'))), 'again 4')
  })

  it('is given back where the store says nothing', async () => {
    const log = await begin()
    const silent = { ...log.store, create: async () => ({ outcome: 'unknown' as const }) }
    assert.equal(
      await settleRefusal({ ...log, store: silent }, await log.view(), post('bob', 'b1')),
      undefined,
    )
  })
})

describe('how long a refusal says no', () => {
  const now = Date.parse(at)
  const later = '2026-01-01T00:00:01.000Z'
  const cases: [string, RefusedRecord, string, number, boolean][] = [
    ['a final one for a week', record('final'), at, now + refusalMs - 1, false],
    ['… and no longer', record('final'), at, now + refusalMs, true],
    ['also to what is submitted later', record('final'), later, now, false],
    ['a tentative one until it is settled', record('tentative', { until: 0 }), later, now, false],
    ['a withdrawn one never', record('withdrawn'), at, now, true],
    ['one for good to copies that were under way', refusedForGood(refused, at, now), at, now, false],
    ['… and to older ones', refusedForGood(refused, later, now), at, now, false],
    ['… not to what is submitted again', refusedForGood(refused, at, now), later, now, true],
  ]
  for (const [what, given, submittedAt, when, expected] of cases)
    it(what, () => assert.equal(inForce(given, { submittedAt }, when) === undefined, expected))
})
