import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeClock } from '@parley/testkit'
import { createThrottle } from './throttle.ts'
import { type Bucket, fullBucket, takeToken } from './token-bucket.ts'

const rate = { perSecond: 20, burst: 40 }

describe('token bucket', () => {
  const cases: { name: string; bucket: Bucket; now: number; tokens: number; waitMs: number }[] = [
    { name: 'takes one', bucket: { tokens: 40, at: 0 }, now: 0, tokens: 39, waitMs: 0 },
    { name: 'is never fuller than full', bucket: { tokens: 39, at: 0 }, now: 60_000, tokens: 39, waitMs: 0 },
    { name: 'tells when there is one', bucket: { tokens: 0, at: 0 }, now: 0, tokens: 0, waitMs: 50 },
    { name: 'counts what has grown', bucket: { tokens: 0, at: 0 }, now: 20, tokens: 0.4, waitMs: 30 },
    { name: 'has one when it said so', bucket: { tokens: 0, at: 0 }, now: 50, tokens: 0, waitMs: 0 },
    { name: 'lives with a clock set back', bucket: { tokens: 1, at: 9_000 }, now: 0, tokens: 0, waitMs: 0 },
  ]
  for (const { name, bucket, now, tokens, waitMs } of cases) {
    it(name, () => {
      const taken = takeToken(bucket, rate, now)
      assert.equal(taken.waitMs, waitMs)
      assert.ok(Math.abs(taken.bucket.tokens - tokens) < 1e-9, `${taken.bucket.tokens} tokens`)
    })
  }

  it('grants the burst and then the rate, however it is asked', () => {
    for (const stepMs of [1, 7, 50, 333]) {
      let bucket = fullBucket(rate, 0)
      let granted = 0
      for (let now = 0; now <= 10_000; now += stepMs) {
        for (;;) {
          const taken = takeToken(bucket, rate, now)
          bucket = taken.bucket
          if (taken.waitMs > 0) break
          granted += 1
        }
      }
      assert.ok(granted >= 40 + 190 && granted <= 40 + 200, `${granted} in steps of ${stepMs} ms`)
    }
  })
})

describe('throttle', () => {
  const start = () => {
    const clock = fakeClock()
    const ran: number[] = []
    const throttle = createThrottle({ clock, rate: { perSecond: 10, burst: 2 }, queued: 3 })
    const run = (id: number) => throttle.run(() => ran.push(id))
    return { clock, ran, throttle, run }
  }

  it('runs the burst at once, queues in order and refuses what does not fit', async () => {
    const { clock, ran, throttle, run } = start()
    const refusals = [1, 2, 3, 4, 5, 6].map(run)
    assert.deepEqual(ran, [1, 2])
    assert.deepEqual(refusals.at(-1), { refusedForMs: 100 })
    assert.deepEqual(refusals.slice(0, 5).filter(Boolean), [])
    await clock.advance(100)
    assert.deepEqual(ran, [1, 2, 3])
    run(7)
    await clock.advance(1_000)
    assert.deepEqual(ran, [1, 2, 3, 4, 5, 7])
    assert.ok(throttle.isIdle())
  })

  it('lets nobody past who waits', async () => {
    const { clock, ran, run } = start()
    for (const id of [1, 2, 3]) run(id)
    await clock.advance(99)
    run(4)
    assert.deepEqual(ran, [1, 2])
    await clock.advance(101)
    assert.deepEqual(ran, [1, 2, 3, 4])
  })

  it('is not idle while it recovers', async () => {
    const { clock, throttle, run } = start()
    run(1)
    assert.equal(throttle.isIdle(), false)
    await clock.advance(100)
    assert.equal(throttle.isIdle(), true)
  })
})
