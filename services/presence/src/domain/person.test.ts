import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Lease, Leases } from './lease.ts'
import { apply, maxSocketsPerNode, nobody, type OwnStatus, type Person, type PersonEvent } from './person.ts'
import { isConnected, settle, settleAgainAt, view } from './settle.ts'
import { timing } from './timing.ts'

const t0 = 1_800_000_000_000
const lease = (epoch: number, renewedAt = t0): Lease => ({
  epoch,
  counter: 1,
  renewedAt,
  expiresAt: renewedAt + timing.leaseMs,
  closed: false,
  live: true,
  sweeps: [],
})
const leases: Leases = new Map([
  ['a', lease(5)],
  ['b', lease(1)],
])
const socket = (
  kind: 'connected' | 'disconnected',
  counter: number,
  { node = 'a', epoch = 5, socketId = 's', at = t0 } = {},
): PersonEvent => ({ kind, node, epoch, counter, socketId, at })
const on = (counter: number, where = {}) => socket('connected', counter, where)
const off = (counter: number, where = {}) => socket('disconnected', counter, where)
const choose = (status: OwnStatus, text?: string): PersonEvent => ({ kind: 'chosen', status, text })
const after = (...events: PersonEvent[]): Person =>
  events.reduce((person, event) => apply(person, event, t0), nobody)

describe('devices', () => {
  const table: [string, PersonEvent[], boolean][] = [
    ['nobody is not connected', [], false],
    ['connects', [on(1)], true],
    ['connects and goes', [on(1), off(2)], false],
    ['a connect after its disconnect does not resurrect', [off(2), on(1)], false],
    ['a repeated connect does not resurrect', [on(1), off(2), on(1)], false],
    ['the same socket may come back', [on(1), off(2), on(3)], true],
    ['in any order', [on(3), on(1), off(2)], true],
    ['another device stays', [on(1), on(2, { socketId: 't' }), off(3)], true],
    ['another node stays', [on(1), on(1, { node: 'b', epoch: 1 }), off(2)], true],
    ['an ended epoch is ignored', [off(1), on(9, { epoch: 4, socketId: 't' })], false],
    ['a newer epoch ends the older', [on(1), off(1, { epoch: 6, socketId: 't' })], false],
    ['a node without a lease does not count', [on(1, { node: 'c' })], false],
    ['an epoch that the lease has left does not count', [on(1, { epoch: 4 })], false],
  ]
  for (const [name, events, expected] of table)
    it(name, () => assert.equal(isConnected(after(...events), leases, t0), expected))

  it('go with the lease of their node', () => {
    assert.ok(!isConnected(after(on(1)), leases, t0 + timing.leaseMs))
    assert.ok(!isConnected(after(on(1)), new Map([['a', { ...lease(5), closed: true }]]), t0))
  })

  it('are bounded, and what was dropped stays ended', () => {
    const many = Array.from({ length: 400 }, (_, i) => on(i, { socketId: `s${i}` }))
    const full = after(...many)
    assert.equal(Object.keys(full.nodes.a?.sockets ?? {}).length, maxSocketsPerNode)
    assert.equal(apply(full, on(3, { socketId: 's3' }), t0), full)
    const flapping = Array.from({ length: 400 }, (_, i) => [
      on(2 * i, { socketId: `s${i}` }),
      off(2 * i + 1, { socketId: `s${i}` }),
    ]).flat()
    const gone = after(...flapping)
    assert.ok(Object.keys(gone.nodes.a?.sockets ?? {}).length <= 64)
    for (const repeat of flapping) assert.equal(apply(gone, repeat, t0), gone)
  })

  it('a tombstone that has grown old is dropped and holds on', () => {
    const later = t0 + timing.tombstoneMs + 1
    const person = apply(after(on(1), off(2)), on(3, { socketId: 't', at: later }), later)
    assert.deepEqual(Object.keys(person.nodes.a?.sockets ?? {}), ['t'])
    assert.equal(apply(person, on(1), later), person)
  })
})

describe('what the others see', () => {
  const shown = (person: Person, at = t0) => settle(person, leases, at).shown
  const online = settle(after(on(1)), leases, t0)
  const step = (person: Person, event: PersonEvent, now: number) =>
    settle(apply(person, event, now), leases, now)

  it('coming shows at once, and the second device changes nothing', () => {
    assert.deepEqual([online.shown, online.rev], [{ status: 'online', lastSeenAt: t0 }, 1])
    assert.equal(settle(online, leases, t0 + 1), online)
    assert.equal(step(online, on(2, { socketId: 't' }), t0 + 1).rev, 1)
  })

  it('going shows after the grace, with when it was', () => {
    const leaving = step(online, off(2, { at: t0 + 1_000 }), t0 + 1_100)
    assert.equal(settleAgainAt(leaving), t0 + 1_100 + timing.graceMs)
    assert.deepEqual([leaving.shown.status, leaving.rev], ['online', 1])
    assert.equal(settle(leaving, leases, t0 + 2_000), leaving)
    const gone = settle(leaving, leases, t0 + 1_100 + timing.graceMs)
    assert.deepEqual([gone.shown, gone.rev], [{ status: 'offline', lastSeenAt: t0 + 1_000 }, 2])
    assert.equal(settleAgainAt(gone), undefined)
    assert.equal(settle(gone, leases, t0 + 60_000), gone)
  })

  it('who is back within the grace never was away', () => {
    const back = step(step(online, off(2), t0), on(3, { socketId: 't' }), t0 + 2_000)
    assert.deepEqual([back.rev, settleAgainAt(back)], [1, undefined])
  })

  it('who went with a node was last seen at its last heartbeat', () => {
    const late = t0 + timing.leaseMs
    const gone = settle(settle(online, leases, late), leases, late + timing.graceMs)
    assert.deepEqual(gone.shown, { status: 'offline', lastSeenAt: t0 })
  })

  it('the own choice shows while connected, and lasts', () => {
    const busy = step(online, choose('dnd', 'in a call'), t0 + 1)
    assert.deepEqual(busy.shown, { status: 'dnd', text: 'in a call', lastSeenAt: t0 + 1 })
    assert.equal(step(busy, choose('dnd', 'in a call'), t0 + 2), busy)
    assert.equal(shown(after(choose('away'))).status, 'offline')
    assert.equal(shown(after(choose('away'), on(1))).status, 'away')
  })

  it('invisible looks like going, at once, and whatever follows leaks nothing', () => {
    const hidden = step(online, choose('invisible', 'secret'), t0 + 1_000)
    assert.deepEqual(hidden.shown, { status: 'offline', lastSeenAt: t0 + 1_000 })
    const later = [off(2), on(3), choose('invisible', 'other'), off(4)].reduce(
      (person, event) => step(person, event, t0 + 9_000),
      hidden,
    )
    assert.deepEqual([later.shown, later.rev], [hidden.shown, hidden.rev])
    assert.equal(settleAgainAt(later), undefined)
    assert.equal(isConnected(step(hidden, on(5), t0), leases, t0), true)
  })

  it('a reader sees it before anyone has written it', () => {
    assert.deepEqual(view(undefined, leases, t0), { status: 'offline', lastSeenAt: null, rev: 0 })
    const leaving = step(online, off(2), t0)
    assert.equal(view(leaving, leases, t0 + timing.graceMs).status, 'offline')
  })

  it('devices of nodes that are forgotten are dropped', () => {
    const person = after(on(1, { node: 'c' }), on(1))
    assert.deepEqual(Object.keys(settle(person, leases, t0 + 1_000).nodes), ['c', 'a'])
    assert.deepEqual(Object.keys(settle(person, leases, t0 + timing.forgetNodeMs + 1).nodes), ['a'])
  })
})
