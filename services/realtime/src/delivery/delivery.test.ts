import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '@parley/contracts'
import { type FakeClock, fakeClock, seededRandom } from '@parley/testkit'
import { conversation, dice, memberEntry, messageEntry } from '../testing/builders.ts'
import { createDelivery, type DeliveryPorts } from './delivery.ts'

const room = conversation('room')
const entries = (...seqs: number[]) => seqs.map((seq) => messageEntry('room', seq))

function start(
  options: { log?: Entry[]; fetch?: DeliveryPorts['fetchEntries']; local?: string[]; clock?: FakeClock } = {},
) {
  const clock = options.clock ?? fakeClock()
  const log = options.log ?? []
  const seen: (number | string)[] = []
  const fetches: number[] = []
  const delivery = createDelivery({
    clock,
    fetchEntries: async (id, after, limit) => {
      fetches.push(after)
      if (options.fetch) return options.fetch(id, after, limit)
      return page(log, after, limit)
    },
    emit: (_, entry) => seen.push(entry.seq),
    isLocal: (userId) => options.local?.includes(userId) ?? false,
    added: (_, userId) => seen.push(`+${userId}`),
    removed: (id, userId) => {
      seen.push(`-${userId}`)
      if (userId === 'last') delivery.untrack(id)
    },
  })
  return { clock, delivery, seen, fetches, log }
}

function page(log: readonly Entry[], after: number, limit: number) {
  const ahead = log.filter((entry) => entry.seq > after).sort((a, b) => a.seq - b.seq)
  return { items: ahead.slice(0, limit), head: log.length, hasMore: ahead.length > limit }
}

describe('delivery', () => {
  it('emits in seq order, each entry once, and only what is after the head of the join', async () => {
    const { delivery, seen, clock } = start()
    delivery.stored(room, entries(1))
    delivery.track(room, 1)
    delivery.stored(room, entries(3))
    delivery.stored(room, entries(1, 2, 3))
    delivery.stored(room, entries(4, 2))
    assert.deepEqual(seen, [2, 3, 4])
    assert.equal(clock.timers, 0)
  })

  it('gives what is missing 200 ms, then fetches it once', async () => {
    const { delivery, seen, fetches, clock } = start({ log: entries(1, 2, 3, 4) })
    delivery.track(room, 0)
    delivery.stored(room, entries(3))
    await clock.advance(199)
    delivery.stored(room, entries(4))
    assert.deepEqual([seen, fetches], [[], []])
    await clock.advance(1)
    assert.deepEqual(seen, [1, 2, 3, 4])
    assert.deepEqual(fetches, [0])
  })

  it('does not fetch when the missing entry arrives in time', async () => {
    const { delivery, seen, fetches, clock } = start()
    delivery.track(room, 0)
    delivery.stored(room, entries(2))
    await clock.advance(150)
    delivery.stored(room, entries(1))
    await clock.advance(1_000)
    assert.deepEqual([seen, fetches], [[1, 2], []])
  })

  it('sees a lost last message by its head', async () => {
    const { delivery, seen, clock } = start({ log: entries(1, 2) })
    delivery.track(room, 1)
    delivery.heads({ [room]: 2 })
    await clock.advance(200)
    assert.deepEqual(seen, [2])
  })

  it('fetches at once what passed between reading the head and joining', async () => {
    for (const tell of ['stored', 'heads'] as const) {
      const { delivery, seen, clock } = start({ log: entries(1, 2, 3) })
      if (tell === 'stored') delivery.stored(room, entries(3))
      else delivery.heads({ [room]: 3 })
      delivery.track(room, 1)
      await clock.advance(0)
      assert.deepEqual(seen, [2, 3], tell)
    }
  })

  it('forgets the heads seen longest ago', async () => {
    const { delivery, seen, clock } = start({ log: entries(1, 2) })
    delivery.stored(room, entries(2))
    for (let i = 0; i < 10_000; i++) delivery.heads({ [conversation(`c${i}`)]: 1 })
    delivery.track(room, 1)
    await clock.advance(1_000)
    assert.deepEqual(seen, [])
  })

  it('reads a long range page by page', async () => {
    const log = Array.from({ length: 450 }, (_, i) => messageEntry('room', i + 1))
    const { delivery, seen, fetches, clock } = start({ log })
    delivery.track(room, 0)
    delivery.heads({ [room]: 450 })
    await clock.advance(200)
    assert.equal(seen.length, 450)
    assert.deepEqual(fetches, [0, 200, 400])
  })

  it('holds a bounded number of entries and fetches the rest', async () => {
    const log = Array.from({ length: 700 }, (_, i) => messageEntry('room', i + 1))
    const { delivery, seen, clock } = start({ log })
    delivery.track(room, 0)
    delivery.stored(room, log.slice(1))
    await clock.advance(200)
    assert.deepEqual(
      seen,
      log.map((entry) => entry.seq),
    )
  })

  it('tries a failed fetch again, ever less often, and delivers what arrives meanwhile', async () => {
    let broken = true
    const log = entries(1, 2)
    const { delivery, seen, fetches, clock } = start({
      fetch: async (_, after, limit) => {
        if (broken) throw new Error('unavailable')
        return page(log, after, limit)
      },
    })
    delivery.track(room, 0)
    delivery.stored(room, entries(2))
    await clock.advance(200 + 250 + 500)
    assert.equal(fetches.length, 3)
    broken = false
    await clock.advance(1_000)
    assert.deepEqual(seen, [1, 2])
    delivery.stored(room, entries(4))
    await clock.advance(100)
    delivery.stored(room, entries(3))
    assert.deepEqual(seen, [1, 2, 3, 4])
  })

  it('does not wait for what the log no longer keeps', async () => {
    const { delivery, seen, clock } = start({ log: entries(7, 8) })
    delivery.track(room, 3)
    delivery.stored(room, entries(8))
    await clock.advance(200)
    assert.deepEqual(seen, [7, 8])
  })

  it('drops what a fetch brings after everybody left', async () => {
    const { delivery, seen, clock } = start({ log: entries(1, 2) })
    delivery.track(room, 0)
    delivery.stored(room, entries(2))
    await clock.advance(199)
    delivery.untrack(room)
    await clock.advance(10_000)
    assert.deepEqual(seen, [])
    assert.equal(clock.timers, 0)
  })

  it('applies membership at its place in the order', async () => {
    const { delivery, seen } = start({ local: ['bob', 'cid'] })
    delivery.track(room, 0)
    delivery.stored(room, [
      memberEntry('room', 2, 'bob', 'removed'),
      ...entries(3),
      memberEntry('room', 4, 'cid', 'added'),
      memberEntry('room', 5, 'away', 'added'),
      ...entries(6),
    ])
    assert.deepEqual(seen, [])
    delivery.stored(room, entries(1))
    assert.deepEqual(seen, [1, 2, '-bob', 3, 4, '+cid', 5, 6])
  })

  it('tracks a conversation from the entry on that adds someone here', async () => {
    const { delivery, seen, clock } = start({ local: ['bob'], log: entries(4, 5, 6) })
    delivery.stored(room, entries(6))
    delivery.stored(room, [...entries(3), memberEntry('room', 4, 'bob', 'added')])
    assert.deepEqual(seen, [4, '+bob'])
    await clock.advance(200)
    assert.deepEqual(seen, [4, '+bob', 5, 6])
  })

  it('adds someone even where the last member before was just removed', async () => {
    const { delivery, seen } = start({ local: ['bob'] })
    delivery.track(room, 0)
    const removal = memberEntry('room', 2, 'last', 'removed')
    delivery.stored(room, [memberEntry('room', 3, 'bob', 'added'), ...entries(4)])
    delivery.stored(room, [...entries(1), removal])
    assert.deepEqual(seen, [1, 2, '-last', 3, '+bob', 4])
  })

  it('is gapless and in order, however entries are lost, doubled and reordered', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = dice(seededRandom(seed))
      const clock = fakeClock()
      const log = Array.from({ length: 40 }, (_, i) => messageEntry('room', i + 1))
      const { delivery, seen } = start({
        clock,
        fetch: async (_, after, limit) => {
          await new Promise<void>((resolve) => clock.setTimeout(resolve, random.below(300)))
          if (random.chance(0.3)) throw new Error('unavailable')
          return page(log, after, Math.min(limit, 1 + random.below(10)))
        },
      })
      const head = random.below(5)
      if (random.chance(0.5)) delivery.stored(room, log.slice(0, random.below(10)))
      delivery.track(room, head)
      for (const entry of random.shuffled([...log, ...log])) {
        if (random.chance(0.4)) continue
        await clock.advance(random.below(60))
        delivery.stored(room, [entry])
      }
      delivery.heads({ [room]: 40 })
      await clock.advance(60_000)
      assert.deepEqual(
        seen,
        log.slice(head).map((entry) => entry.seq),
        `seed ${seed}`,
      )
    }
  })
})
