import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Attempt, judge, maxAttempts, parseRetryAfter } from './attempt.ts'

const now = 1_800_000_000_000
const hour = 3_600_000
const decide = (attempt: Attempt, { attempts = 1, validUntil = now + 24 * hour, random = 0.5 } = {}) =>
  judge(attempt, { attempts, validUntil, now, random })
const answered = (status: number, retryAfterMs?: number): Attempt => ({
  kind: 'answered',
  status,
  retryAfterMs,
})
const failed: Attempt = { kind: 'failed', reason: 'ECONNRESET' }

describe('what comes of an attempt', () => {
  for (const status of [200, 201, 202, 204])
    it(`${status}: sent`, () => assert.deepEqual(decide(answered(status)), { kind: 'sent' }))

  for (const status of [404, 410])
    it(`${status}: the subscription is over`, () =>
      assert.deepEqual(decide(answered(status)), { kind: 'ended', reason: `answered ${status}`, gone: true }))

  for (const status of [301, 302, 307, 308, 400, 401, 403, 413])
    it(`${status}: this push is over, the subscription may live`, () =>
      assert.deepEqual(decide(answered(status)), {
        kind: 'ended',
        reason: `answered ${status}`,
        gone: false,
      }))

  it('an address that we do not talk to: over', () =>
    assert.deepEqual(decide({ kind: 'refused', reason: 'private' }), {
      kind: 'ended',
      reason: 'private',
      gone: false,
    }))

  for (const attempt of [answered(429), answered(500), answered(503), failed])
    it(`${attempt.kind === 'answered' ? attempt.status : 'no answer'}: again`, () =>
      assert.deepEqual(decide(attempt), { kind: 'again', at: now + 2_000 }))
})

describe('when it is tried again', () => {
  it('each time four times later, and never quite at the same time as others', () => {
    const pauses = (random: number) =>
      Array.from({ length: maxAttempts - 1 }, (_, i) => {
        const verdict = decide(failed, { attempts: i + 1, random })
        return verdict.kind === 'again' ? verdict.at - now : undefined
      })
    assert.deepEqual(pauses(0.5), [2_000, 8_000, 32_000, 128_000])
    assert.deepEqual(pauses(0), [1_500, 6_000, 24_000, 96_000])
  })

  it('not more than five times', () =>
    assert.deepEqual(decide(answered(503), { attempts: maxAttempts }), {
      kind: 'ended',
      reason: 'gave up: answered 503',
      gone: false,
    }))

  it('not before the push service wants it, and not before we want it', () => {
    assert.deepEqual(decide(answered(429, hour)), { kind: 'again', at: now + hour })
    assert.deepEqual(decide(answered(429, 1)), { kind: 'again', at: now + 2_000 })
  })

  it('not when nobody wants to be told any more', () => {
    assert.equal(decide(failed, { validUntil: now + 2_001 }).kind, 'again')
    for (const verdict of [decide(failed, { validUntil: now + 2_000 }), decide(answered(503, 1e300))])
      assert.equal(verdict.kind, 'ended')
  })
})

describe('Retry-After', () => {
  const cases: readonly (readonly [string | undefined, number | undefined])[] = [
    [undefined, undefined],
    ['', undefined],
    ['soon', undefined],
    ['-1', undefined],
    ['0', 0],
    [' 120 ', 120_000],
    [new Date(now + 60_000).toUTCString(), 60_000],
    [new Date(now - 60_000).toUTCString(), 0],
  ]
  for (const [header, ms] of cases)
    it(`${JSON.stringify(header)} is ${ms}`, () => assert.equal(parseRetryAfter(header, now), ms))
})
