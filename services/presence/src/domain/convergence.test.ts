import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { type Lease, type Leases, meet, renew } from './lease.ts'
import { apply, nobody, type Person, type PersonEvent } from './person.ts'
import { isConnected, settle } from './settle.ts'
import { timing } from './timing.ts'

const t0 = 1_800_000_000_000
const nodes = ['a', 'b']

type DeviceEvent = Extract<PersonEvent, { kind: 'connected' | 'disconnected' }>

/** What two nodes tell in the lives of their epochs: sockets that come, go and come back. */
const histories = fc
  .array(
    fc.record({
      node: fc.constantFrom(...nodes),
      epoch: fc.integer({ min: 1, max: 2 }),
      socketId: fc.constantFrom('s', 't', 'u'),
    }),
    { maxLength: 24 },
  )
  .map((moves) => {
    const counters = new Map<string, number>()
    const connected = new Set<string>()
    return moves.map(({ node, epoch, socketId }): DeviceEvent => {
      const life = `${node}/${epoch}`
      const counter = (counters.get(life) ?? 0) + 1
      counters.set(life, counter)
      const device = `${life}/${socketId}`
      const kind = connected.delete(device) ? 'disconnected' : 'connected'
      if (kind === 'connected') connected.add(device)
      return { kind, node, epoch, counter, socketId, at: t0 }
    })
  })

/** The same events in another order, some of them more than once. */
const deliveries = histories.chain((history) =>
  fc
    .record({
      repeats: fc.subarray(history),
      order: fc.array(fc.nat(), { minLength: history.length * 2, maxLength: history.length * 2 }),
    })
    .map(({ repeats, order }) => ({
      history,
      delivered: [...history, ...repeats]
        .map((event, index) => ({ event, rank: order[index] ?? 0 }))
        .sort((x, y) => x.rank - y.rank)
        .map(({ event }) => event),
    })),
)

const leasesAfter = (events: readonly DeviceEvent[]): Leases => {
  const leases = new Map<string, Lease>()
  for (const event of events) {
    const met = meet(leases.get(event.node), event, t0)
    if (met !== undefined) leases.set(event.node, met)
  }
  return leases
}

/** Who is there, told from the whole history: the last word on each socket of each node's newest epoch. */
function expected(history: readonly DeviceEvent[]): boolean {
  const newest = new Map<string, number>()
  for (const { node, epoch } of history) newest.set(node, Math.max(newest.get(node) ?? 0, epoch))
  const last = new Map<string, boolean>()
  for (const { node, epoch, socketId, kind } of history)
    if (epoch === newest.get(node)) last.set(`${node}/${socketId}`, kind === 'connected')
  return [...last.values()].includes(true)
}

const wholeGrace = t0 + timing.graceMs

it('any order with any repeats leads to the same devices, and to the truth', () => {
  fc.assert(
    fc.property(deliveries, ({ history, delivered }) => {
      const take = (person: Person, event: PersonEvent) => apply(person, event, t0)
      const person = delivered.reduce(take, nobody)
      assert.deepEqual(person.nodes, history.reduce(take, nobody).nodes)
      const leases = leasesAfter(delivered)
      assert.equal(isConnected(person, leases, t0), expected(history))
    }),
    { numRuns: 500 },
  )
})

it('whatever was shown on the way, the end is the truth, and a repeat of everything changes nothing', () => {
  fc.assert(
    fc.property(deliveries, ({ history, delivered }) => {
      let person: Person = nobody
      let revs = 0
      delivered.forEach((event, index) => {
        const before = person
        person = settle(apply(person, event, t0), leasesAfter(delivered.slice(0, index + 1)), t0)
        assert.ok(person.rev >= before.rev)
        assert.equal(person.rev > before.rev, person.shown !== before.shown)
        revs = person.rev
      })
      const leases = leasesAfter(delivered)
      const end = settle(settle(person, leases, t0), leases, wholeGrace)
      assert.equal(end.shown.status, expected(history) ? 'online' : 'offline')
      assert.ok(end.rev <= revs + 1)
      const again = history.reduce(
        (now, event) => settle(apply(now, event, wholeGrace), leases, wholeGrace),
        end,
      )
      assert.equal(again, end)
    }),
    { numRuns: 500 },
  )
})

it('heartbeats in any order with any repeats leave the same lease', () => {
  const beats = fc.uniqueArray(
    fc.record({
      epoch: fc.integer({ min: 1, max: 3 }),
      counter: fc.integer({ min: 1, max: 20 }),
    }),
    { minLength: 1, maxLength: 20, selector: ({ epoch, counter }) => `${epoch}/${counter}` },
  )
  fc.assert(
    fc.property(
      beats.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length })),
      ),
      ([all, some]) => {
        const take = (lease: Lease | undefined, { epoch, counter }: { epoch: number; counter: number }) =>
          renew(lease, { epoch, counter, closing: false, at: t0 }, t0)
        const delivered = [...some, ...all].reduce(take, undefined)
        const newest = [...all].sort((x, y) => x.epoch - y.epoch || x.counter - y.counter).at(-1)
        assert.deepEqual([delivered?.epoch, delivered?.counter], [newest?.epoch, newest?.counter])
      },
    ),
    { numRuns: 300 },
  )
})
