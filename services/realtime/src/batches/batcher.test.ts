import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Command, laneOf, type MessageSubmitted } from '@parley/contracts'
import { fakeClock, seededRandom } from '@parley/testkit'
import { conversation, dice, messageEntry, send, user } from '../testing/builders.ts'
import { createBatcher } from './batcher.ts'
import { type BatcherLimits, type BatchOutcome, batcherLimits } from './outcome.ts'

type Publish = (event: MessageSubmitted) => Promise<void>

function start(
  options: {
    limits?: Partial<BatcherLimits>
    publish?: Publish
    deadLetter?: Publish
    oneLanePerEvent?: boolean
  } = {},
) {
  const clock = fakeClock()
  const published: MessageSubmitted[] = []
  const dead: { event: MessageSubmitted; reason: string }[] = []
  const answers: string[] = []
  const batcher = createBatcher({
    clock,
    publish: async (event) => {
      published.push(event)
      await options.publish?.(event)
    },
    deadLetter: async (event, reason) => {
      dead.push({ event, reason })
      await options.deadLetter?.(event)
    },
    oneLanePerEvent: options.oneLanePerEvent ?? false,
    ...(options.limits && { limits: options.limits }),
  })
  const submit = (room: string, sender: string, clientId: string, text?: string) => {
    const outcome = batcher.submit(conversation(room), send(sender, clientId, text))
    void outcome.then((answer) => answers.push(`${clientId} ${say(answer)}`))
    return outcome
  }
  let seq = 0
  const store = (room: string, sender: string, clientId: string) =>
    batcher.stored(conversation(room), messageEntry(room, ++seq, sender, clientId))
  return { clock, batcher, published, dead, answers, submit, store, ids: () => published.map(idsOf) }
}

const say = (outcome: BatchOutcome) =>
  'stored' in outcome ? 'stored' : 'rejected' in outcome ? outcome.rejected.code : outcome.failed
const idsOf = (event: MessageSubmitted) =>
  event.conversations.map(({ commands }) => commands.map((command) => command.clientId).join(' ')).join(' | ')
/** Another conversation of the same lane. */
function neighbour(room: string): string {
  for (let i = 0; ; i++) if (laneOf(`n${i}`) === laneOf(room)) return `n${i}`
}

describe('batcher', () => {
  it('publishes at once when idle, and batches what arrives while a flight is out', async () => {
    const { clock, submit, store, ids, answers } = start()
    submit('room', 'ann', 'a1')
    await clock.settle()
    assert.deepEqual(ids(), ['a1'])
    submit('room', 'bob', 'b1')
    submit('room', 'ann', 'a2')
    await clock.settle()
    assert.deepEqual(ids(), ['a1'])
    store('room', 'ann', 'a1')
    await clock.settle()
    assert.deepEqual(ids(), ['a1', 'b1 a2'])
    assert.deepEqual(answers, ['a1 stored'])
  })

  it('carries whatever waits in one event', async () => {
    const { clock, submit, published } = start()
    submit('room', 'ann', 'a1')
    submit('elsewhere', 'ann', 'a2')
    await clock.settle()
    assert.deepEqual(published.map(idsOf), ['a1 | a2'])
    assert.equal(published[0]?.lane, laneOf('room'))
  })

  it('carries the conversations of one lane, and only those, where the broker has partitions', async () => {
    const { clock, submit, published } = start({ oneLanePerEvent: true })
    const near = neighbour('room')
    submit('room', 'ann', 'a1')
    submit(near, 'ann', 'a2')
    submit('elsewhere', 'ann', 'a3')
    await clock.settle()
    assert.deepEqual(published.map(idsOf).sort(), ['a1 | a2', 'a3'])
    for (const event of published) {
      for (const { conversationId } of event.conversations) assert.equal(laneOf(conversationId), event.lane)
    }
  })

  it('has few events out, besides those that are stuck', async () => {
    const { eventsInFlight, stuckMs, mostInFlight } = batcherLimits
    const { clock, submit, ids, store } = start()
    const submitted: string[] = []
    const submitOne = async () => {
      const id = `a${submitted.length}`
      submitted.push(id)
      submit(`room ${id}`, 'ann', id)
      await clock.settle()
    }
    for (let i = 0; i <= eventsInFlight; i++) await submitOne()
    assert.deepEqual(ids(), submitted.slice(0, eventsInFlight))
    await clock.advance(stuckMs)
    assert.deepEqual(ids(), submitted)
    for (let i = ids().length; i <= mostInFlight; i++) await submitOne()
    await clock.advance(stuckMs)
    assert.equal(ids().length, mostInFlight)
    store('room a0', 'ann', 'a0')
    await clock.settle()
    assert.equal(ids().length, mostInFlight + 1)
  })

  it('keeps to the limits of an event', async () => {
    const { clock, submit, published } = start({
      limits: { batchItems: 3, eventBytes: 4_000, eventsInFlight: 2 },
    })
    const near = neighbour('room')
    for (let i = 0; i < 5; i++) submit('room', 'ann', `a${i}`)
    for (let i = 0; i < 5; i++) submit(near, 'bob', `b${i}`, 'x'.repeat(1_500))
    for (let i = 0; i < 40; i++) submit(`other${i}`, 'cid', `c${i}`)
    await clock.settle()
    assert.equal(published.length, 2)
    for (const event of published) assert.ok(Buffer.byteLength(JSON.stringify(event)) <= 4_000)
    assert.equal(
      published.find((event) => idsOf(event).startsWith('a0'))?.conversations[0]?.commands.length,
      3,
    )
  })

  it('sends what is larger than an event alone', async () => {
    const { clock, submit, ids } = start({ limits: { eventBytes: 1_000 } })
    submit('room', 'ann', 'a1', 'x'.repeat(2_000))
    submit('room', 'ann', 'a2')
    await clock.settle()
    assert.deepEqual(ids(), ['a1'])
  })

  it('shares one outcome between equal sends, and takes the id again after it', async () => {
    const { clock, submit, store, ids } = start()
    const both = [submit('room', 'ann', 'a1'), submit('room', 'ann', 'a1', 'other')]
    await clock.settle()
    store('room', 'ann', 'a1')
    const [first, second] = await Promise.all(both)
    assert.equal(first, second)
    submit('room', 'ann', 'a1')
    await clock.settle()
    assert.deepEqual(ids(), ['a1', 'a1'])
  })

  it('answers a refusal, and ignores outcomes that come late, twice or for others', async () => {
    const { clock, batcher, submit, store, answers } = start()
    submit('room', 'ann', 'a1')
    await clock.settle()
    const item = { conversationId: conversation('room'), senderId: user('ann'), clientId: 'a1' }
    batcher.rejected({ ...item, senderId: user('bob'), error: { code: 'x', message: 'x' } })
    batcher.rejected({ ...item, error: { code: 'forbidden', message: 'no' } })
    store('room', 'ann', 'a1')
    store('room', 'bob', 'b9')
    await clock.settle()
    assert.deepEqual(answers, ['a1 forbidden'])
    assert.equal(batcher.pending(), 0)
    assert.equal(clock.timers, 1, 'only the timer of the oldest item may be left')
  })

  it('publishes the same items again after 2 s, without those answered meanwhile, then one by one', async () => {
    const { clock, submit, store, ids } = start()
    submit('room', 'ann', 'a1')
    submit('room', 'ann', 'a2')
    submit('room', 'bob', 'b1')
    await clock.advance(1_999)
    assert.deepEqual(ids(), ['a1 a2 b1'])
    submit('room', 'cid', 'c1')
    store('room', 'ann', 'a1')
    await clock.advance(1)
    assert.deepEqual(ids().slice(1), ['a2 b1'])
    await clock.advance(2_000)
    assert.deepEqual(ids().slice(2), ['a2'], 'one alone')
    await clock.advance(2_000)
    assert.deepEqual(ids().slice(3), ['c1'], 'then a turn for those who have no suspect')
    store('room', 'cid', 'c1')
    await clock.advance(1)
    assert.deepEqual(ids().slice(4), ['b1'], 'then the next suspect')
  })

  /** A consumer that fails at whatever holds the item `bad`, while there is life elsewhere on the node. */
  async function poisoned(t: ReturnType<typeof start>, ms: number): Promise<void> {
    let handled = 0
    for (let i = 0; i < ms / 100; i++) {
      for (const event of t.published.slice(handled)) {
        handled += 1
        if (idsOf(event).includes('bad')) continue
        for (const { conversationId, commands } of event.conversations) {
          for (const command of commands) t.store(conversationId, command.senderId, command.clientId)
        }
      }
      if (i % 20 === 10) t.submit('elsewhere', 'dan', `d${i}`)
      await t.clock.advance(100)
    }
  }
  const internal = { code: 'internal', message: 'refused for good' }
  const withoutLife = (answers: string[]) => answers.filter((line) => !line.startsWith('d'))

  it('sets the poison item aside, alone; it is answered with what becomes of it there', async () => {
    const t = start()
    t.submit('room', 'ann', 'bad')
    t.submit('room', 'ann', 'a2')
    t.submit('room', 'bob', 'b1')
    await t.clock.settle()
    await poisoned(t, 12_000)
    assert.deepEqual(
      t.dead.map(({ event }) => idsOf(event)),
      ['bad'],
    )
    assert.deepEqual(withoutLife(t.answers), ['b1 stored'], 'ann waits behind it, bob does not')
    const before = t.ids().filter((ids) => ids === 'bad').length
    await poisoned(t, 6_000)
    assert.equal(t.ids().filter((ids) => ids === 'bad').length, before, 'it is published no more')
    t.batcher.rejected({
      conversationId: conversation('room'),
      senderId: user('ann'),
      clientId: 'bad',
      error: internal,
    })
    await poisoned(t, 1_000)
    assert.deepEqual(withoutLife(t.answers), ['b1 stored', 'bad internal', 'a2 stored'])
  })

  it('sets it aside again where that failed, and answers unavailable where nothing is heard', async () => {
    let broken = true
    const t = start({
      deadLetter: async () => {
        if (broken) throw new Error('no broker')
      },
    })
    t.submit('room', 'ann', 'bad')
    await poisoned(t, 14_000)
    assert.ok(t.dead.length > 1)
    broken = false
    await poisoned(t, 4_000)
    const tries = t.dead.length
    await poisoned(t, 13_000)
    assert.equal(t.dead.length, tries)
    assert.deepEqual(withoutLife(t.answers), ['bad unavailable'])
  })

  it('takes a queue in the broker for a queue: what nobody overtakes is no poison', async () => {
    const t = start({ limits: { eventsInFlight: 100 } })
    // Everything is handled in the order in which it was published, 9 s later.
    const seen = new Set<string>()
    const late = (event: MessageSubmitted) => {
      for (const { conversationId, commands } of event.conversations)
        for (const { senderId, clientId } of commands) {
          if (seen.has(clientId)) continue
          seen.add(clientId)
          t.clock.setTimeout(() => t.store(conversationId, senderId, clientId), 9_000)
        }
    }
    let handled = 0
    for (let i = 0; i < 200; i++) {
      if (i < 100) t.submit(`room${i}`, 'ann', `a${i}`)
      for (const event of t.published.slice(handled)) late(event)
      handled = t.published.length
      await t.clock.advance(200)
    }
    assert.equal(t.dead.length, 0)
  })

  it('takes an outage for an outage: nothing is poison, all is unavailable after 30 s', async () => {
    const { clock, submit, answers, dead, batcher } = start()
    for (const id of ['a1', 'a2']) submit('room', 'ann', id)
    submit('other', 'bob', 'b1')
    await clock.advance(29_999)
    assert.deepEqual(answers, [])
    await clock.advance(1)
    assert.deepEqual(answers.sort(), ['a1 unavailable', 'a2 unavailable', 'b1 unavailable'])
    assert.equal(dead.length, 0)
    assert.equal(batcher.pending(), 0)
    await clock.advance(10_000)
    assert.equal(clock.timers, 0)
  })

  it('gives up on later items of the same sender too, and on nobody else', async () => {
    const { clock, submit, answers, ids } = start()
    submit('room', 'ann', 'a1')
    await clock.advance(20_000)
    submit('room', 'ann', 'a2')
    submit('room', 'bob', 'b1')
    await clock.advance(10_000)
    assert.deepEqual(answers, ['a1 unavailable', 'a2 unavailable'])
    assert.ok(ids().includes('b1'))
  })

  it('repeats sooner when the publish throws, ever less often', async () => {
    let broken = true
    const { clock, submit, ids, store, answers } = start({
      publish: async () => {
        if (broken) throw new Error('no broker')
      },
    })
    submit('room', 'ann', 'a1')
    await clock.advance(750)
    assert.equal(ids().length, 4, 'at 0, 100, 300 and 700 ms')
    broken = false
    await clock.advance(800)
    store('room', 'ann', 'a1')
    await clock.settle()
    assert.deepEqual(answers, ['a1 stored'])
  })

  it('refuses what is too much', async () => {
    const { clock, submit, answers } = start({ limits: { queuedItems: 2 } })
    for (const id of ['a1', 'a2', 'a3']) submit('room', 'ann', id)
    await clock.settle()
    assert.deepEqual(answers, ['a3 overloaded'])
  })

  it('answers everybody when it closes', async () => {
    const { clock, batcher, submit, answers } = start()
    submit('room', 'ann', 'a1')
    await clock.settle()
    batcher.close()
    submit('room', 'ann', 'a2')
    await clock.settle()
    assert.deepEqual(answers, ['a1 unavailable', 'a2 unavailable'])
    assert.equal(clock.timers, 0)
  })

  it('answers everything once and keeps each sender in order, whatever the broker does', async () => {
    for (let seed = 1; seed <= 150; seed++) await chaos(seed)
  })
})

/** A broker that loses, doubles and reorders, in front of a log that takes each command once. */
async function chaos(seed: number): Promise<void> {
  const random = dice(seededRandom(seed))
  const log = new Map<string, Command[]>()
  const t = start({
    limits: { batchItems: 1 + random.below(4), eventsInFlight: 1 + random.below(4) },
    publish: async (event) => {
      if (random.chance(0.1)) throw new Error('no broker')
      for (let copy = 0; copy < 2; copy++) {
        if (random.chance(copy === 0 ? 0.15 : 0.8)) continue
        t.clock.setTimeout(() => consume(event), random.below(random.chance(0.1) ? 6_000 : 50))
      }
    },
    deadLetter: async ({ conversations }) => {
      for (const { conversationId, commands } of conversations)
        for (const { senderId, clientId } of commands)
          t.batcher.rejected({
            conversationId,
            senderId,
            clientId,
            error: { code: 'internal', message: 'set aside' },
          })
    },
  })
  function consume(event: MessageSubmitted): void {
    for (const { conversationId, commands } of event.conversations) {
      const entries = log.get(conversationId) ?? []
      log.set(conversationId, entries)
      for (const command of commands) {
        const poison = command.clientId.endsWith('!')
        if (poison) return
        const known = entries.some((e) => e.senderId === command.senderId && e.clientId === command.clientId)
        if (!known) entries.push(command)
        if (random.chance(0.1)) continue
        t.clock.setTimeout(
          () => t.store(conversationId, command.senderId, command.clientId),
          random.below(30),
        )
      }
    }
  }
  const expected: string[] = []
  for (let i = 0; i < 60; i++) {
    const id = `${String(i).padStart(3, '0')}${random.chance(0.02) ? '!' : ''}`
    expected.push(id)
    t.submit(`room${random.below(3)}`, `user${random.below(3)}`, id)
    await t.clock.advance(random.below(200))
  }
  await t.clock.advance(40_000)
  assert.deepEqual(
    t.answers.map((line) => line.split(' ')[0]).sort(),
    expected,
    `seed ${seed}: one answer each`,
  )
  assert.equal(t.batcher.pending(), 0, `seed ${seed}`)
  // Among what was answered `stored`; an item given up on may have landed anywhere.
  const stored = new Set(
    t.answers.filter((line) => line.endsWith(' stored')).map((line) => line.split(' ')[0]),
  )
  for (const [room, entries] of log) {
    for (const sender of ['user0', 'user1', 'user2']) {
      const ids = entries
        .filter((e) => e.senderId === sender && stored.has(e.clientId))
        .map((e) => e.clientId)
      assert.deepEqual(ids, [...ids].sort(), `seed ${seed}: ${sender} in ${room}`)
    }
  }
}
