import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isAlive, isForgotten, type Lease, meet, renew, swept, turn } from './lease.ts'
import { timing } from './timing.ts'

const t0 = 1_800_000_000_000
const beat = (epoch: number, counter: number, { closing = false, at = t0 } = {}) => ({
  epoch,
  counter,
  closing,
  at,
})
const live: Lease = {
  epoch: 5,
  counter: 10,
  renewedAt: t0,
  expiresAt: t0 + timing.leaseMs,
  closed: false,
  live: true,
  sweeps: [],
}

describe('a lease', () => {
  const later = t0 + 5_000
  const renewals: [string, Lease | undefined, ReturnType<typeof beat>, Partial<Lease> | 'same' | 'none'][] = [
    ['begins', undefined, beat(5, 1), { epoch: 5, counter: 1, expiresAt: later + timing.leaseMs }],
    ['is renewed', live, beat(5, 11), { counter: 11, expiresAt: later + timing.leaseMs }],
    ['ignores a repeat', live, beat(5, 10), 'same'],
    ['ignores a late heartbeat', live, beat(5, 9), 'same'],
    ['ignores an older epoch', live, beat(4, 99), 'same'],
    ['ends at once when closing', live, beat(5, 11, { closing: true }), { closed: true, expiresAt: later }],
    ['stays closed', { ...live, closed: true }, beat(5, 12), 'same'],
    ['ignores that an older epoch closes', live, beat(4, 99, { closing: true }), 'same'],
    [
      'begins anew with a newer epoch, whose people are looked at',
      { ...live, closed: true },
      beat(6, 1),
      { epoch: 6, counter: 1, closed: false, live: true, sweeps: [{ epoch: 5, next: 0 }] },
    ],
    ['is not begun by an old event', undefined, beat(5, 1, { at: later - timing.unknownNodeMs - 1 }), 'none'],
  ]
  for (const [name, before, event, expected] of renewals)
    it(name, () => {
      const after = renew(before, event, later)
      if (expected === 'same') assert.equal(after, before)
      else if (expected === 'none') assert.equal(after, undefined)
      else assert.deepEqual(after, { ...after, ...expected })
    })

  it('is begun by any event, and a heartbeat that is older still counts', () => {
    const met = meet(undefined, { epoch: 5, counter: 7, at: t0 }, t0)
    assert.deepEqual([met?.counter, met?.expiresAt], [-1, t0 + timing.leaseMs])
    assert.equal(renew(met, beat(5, 3), later)?.expiresAt, later + timing.leaseMs)
  })

  it('lapses, is told once, comes back and is told again', () => {
    const lapsedAt = live.expiresAt
    assert.ok(isAlive(live, lapsedAt - 1))
    assert.ok(!isAlive(live, lapsedAt))
    assert.equal(turn(live, lapsedAt - 1), live)
    const down = turn(live, lapsedAt)
    assert.deepEqual([down.live, down.sweeps], [false, [{ epoch: 5, next: 0 }]])
    assert.equal(turn(down, lapsedAt), down)
    const half = swept(down, 5, 0, 16)
    assert.deepEqual(half.sweeps, [{ epoch: 5, next: 16 }])
    const back = turn(renew(half, beat(5, 11), lapsedAt) as Lease, lapsedAt)
    assert.deepEqual([back.live, back.sweeps], [true, [{ epoch: 5, next: 0 }]])
    assert.deepEqual(swept(back, 5, 16, undefined), back, 'the sweep that was overtaken does not count')
    assert.deepEqual(swept(back, 5, 0, undefined).sweeps, [])
  })

  it('is forgotten only when it is long dead and nothing is owed', () => {
    const muchLater = live.expiresAt + timing.forgetNodeMs + 1
    assert.ok(!isForgotten(live, muchLater), 'its end was not told')
    const down = turn(live, muchLater)
    assert.ok(!isForgotten(down, muchLater), 'its people were not looked at')
    assert.ok(isForgotten(swept(down, 5, 0, undefined), muchLater))
    assert.ok(!isForgotten(swept(down, 5, 0, undefined), live.expiresAt + timing.forgetNodeMs))
  })
})
