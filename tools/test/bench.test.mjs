import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startHelper } from '../../bench/rpc.mjs'
import { isFine, searchRate, steadyPairs } from '../../bench/scenarios.mjs'
import { usageBetween, usageOf } from '../../bench/usage.mjs'

const pace = { rooms: 3, perSecond: 60, seconds: 1, warmUpSeconds: 0.5 }

/** @param {import('node:test').TestContext} t @param {object} [faults] */
async function relayWithLoad(t, faults = {}) {
  const relay = startHelper(new URL('../../bench/relay.mjs', import.meta.url))
  t.after(() => relay.stop())
  const load = startHelper(new URL('../../bench/load.mjs', import.meta.url))
  t.after(() => load.stop())
  const { url } = await relay.call('listen', faults)
  const groups = () => ({ relay: [relay.pid] })
  return { kind: /** @type {const} */ ('relay'), url, load, groups }
}

test('the load: every message is counted, and timed from when it was due', async (t) => {
  const result = await steadyPairs(await relayWithLoad(t), pace)
  assert.equal(result.sent, 90)
  assert.deepEqual(
    [result.acknowledged, result.delivered, result.doubled, result.misordered, result.refused, result.broken],
    [90, 90, 0, 0, 0, 0],
  )
  assert.ok(result.ack.p50 > 0 && result.ack.p50 <= result.ack.p99)
  assert.ok(result.recipient.p99 < Number.POSITIVE_INFINITY)
  assert.ok((result.usage.relay?.cpuSeconds ?? 0) > 0)
  assert.ok(result.othersCores >= 0)
  assert.deepEqual(Object.keys(result.usage), ['relay'])
})

test('the load: a loss is seen, and has no latency', async (t) => {
  const target = await relayWithLoad(t, { loseEvery: 10 })
  const result = await steadyPairs(target, { ...pace, drainSeconds: 1 })
  assert.equal(result.delivered, 81)
  assert.equal(result.recipient.p99, Number.POSITIVE_INFINITY)
  assert.equal(isFine(result), false)
})

test('the load: a copy is seen', async (t) => {
  const target = await relayWithLoad(t, { doubleEvery: 9 })
  const result = await steadyPairs(target, pace)
  assert.equal(result.delivered, 90)
  assert.ok(result.doubled > 0)
  assert.equal(isFine({ ...result, recipient: { p50: 1, p99: 1 } }), false)
})

test('the highest rate is found from below and from above', async () => {
  const range = { from: 100, least: 10, most: 1_600, refinements: 4 }
  for (const [limit, found] of [
    [555, 550],
    [33, 32],
    [5, undefined],
    [9_999, 1_600],
  ]) {
    const asked = /** @type {number[]} */ ([])
    const rate = await searchRate(range, async (candidate) => {
      asked.push(candidate)
      return candidate <= Number(limit) ? candidate : undefined
    })
    assert.equal(rate, found, `limit ${limit}: asked ${asked}`)
    assert.ok(asked.length <= 12)
  }
})

test('usage: processor time and memory of a process', () => {
  const groups = { me: [process.pid] }
  const before = usageOf(groups)
  const end = Date.now() + 200
  for (let sum = 0; Date.now() < end; ) sum += Math.sqrt(sum)
  const { me } = usageBetween(before, usageOf(groups))
  assert.ok(me && me.cpuSeconds > 0)
  assert.ok(me.memoryMiB > 10 && me.memoryMiB < 2_000)
})
