import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type EventContract, laneOf, type MessageStored, messageStored } from '@parley/contracts'
import { fakeClock } from '@parley/testkit'
import { createAnnouncer, everyInterval } from './announcer.ts'
import { toEntry } from './entries.ts'
import { at, conversation, user } from './testing/builders.ts'

type Item = MessageStored['conversations'][number]

function item(id: string, from: number, count: number, text = 'hi'): Item {
  const entries = Array.from({ length: count }, (_, i) =>
    toEntry(conversation(id), {
      kind: 'message',
      seq: from + i,
      at,
      by: user('ann'),
      clientId: `c${from + i}`,
      text,
      mentions: [user('bob')],
    }),
  )
  return { conversationId: conversation(id), kind: 'group', entries, memberIds: [user('ann')] }
}

function start(fails: () => boolean = () => false) {
  const events: { topic: string; data: MessageStored; lane: number | undefined }[] = []
  const announcer = createAnnouncer({
    async publish(contract: EventContract, data: unknown, options?: { lane?: number }) {
      if (fails()) throw new Error('no broker')
      events.push({
        topic: contract.topic,
        data: contract.data.parse(data) as MessageStored,
        lane: options?.lane,
      })
    },
  })
  return { announcer, events }
}

describe('announcer', () => {
  it('puts what comes together into one event', async () => {
    const { announcer, events } = start()
    await Promise.all([announcer.stored(item('r1', 1, 2)), announcer.stored(item('r2', 1, 1))])
    assert.equal(events.length, 1)
    assert.deepEqual(
      events[0]?.data.conversations.map(({ conversationId }) => conversationId),
      ['r1', 'r2'],
    )
    assert.equal(events[0]?.lane, laneOf('r1'))
    assert.equal(events[0]?.topic, messageStored.topic)
  })

  for (const [what, text] of [
    ['ASCII', 'x'],
    ['umlauts', 'ä'],
    ['control characters', '\u0001'],
  ])
    it(`no event is much larger than 128 KiB, and nothing is left out: ${what}`, async () => {
      const { announcer, events } = start()
      const long = String(text).repeat(4_000)
      await Promise.all([announcer.stored(item('r1', 1, 64, long)), announcer.stored(item('r2', 1, 3, long))])
      assert.ok(events.length > 1)
      for (const { data } of events) assert.ok(Buffer.byteLength(JSON.stringify(data)) <= 130 * 1024)
      const seqs = events.flatMap(({ data }) =>
        data.conversations.flatMap(({ conversationId, entries }) =>
          entries.map(({ seq }) => `${conversationId} ${seq}`),
        ),
      )
      assert.equal(new Set(seqs).size, 67)
      assert.equal(seqs.length, 67)
    })

  it('says so where the broker has it not, and knows the head all the same', async () => {
    let broken = true
    const { announcer, events } = start(() => broken)
    await assert.rejects(announcer.stored(item('r1', 1, 3)))
    broken = false
    assert.deepEqual(announcer.takeHeads(), [{ r1: 3 }])
    await announcer.stored(item('r1', 4, 1))
    assert.equal(events.length, 1)
  })

  it('tells each head twice, the newest each time, in parts of an event', async () => {
    const { announcer } = start()
    await announcer.stored(item('r1', 1, 3))
    await announcer.stored(item('r1', 1, 1))
    assert.deepEqual(announcer.takeHeads(), [{ r1: 3 }])
    await announcer.stored(item('r1', 4, 1))
    assert.deepEqual(announcer.takeHeads(), [{ r1: 4 }])
    assert.deepEqual(announcer.takeHeads(), [{ r1: 4 }])
    assert.deepEqual(announcer.takeHeads(), [])
    for (let i = 0; i < 2_000; i++) void announcer.stored(item(`${'r'.repeat(60)}${i}`, 1_000_000, 1))
    const parts = announcer.takeHeads()
    assert.equal(
      parts.reduce((sum, part) => sum + Object.keys(part).length, 0),
      2_000,
    )
    for (const part of parts) assert.ok(JSON.stringify(part).length <= 128 * 1024)
  })
})

describe('interval', () => {
  it('runs again after each run, also a slow or failed one, until it is stopped', async () => {
    const clock = fakeClock()
    let runs = 0
    let end = (): void => {}
    const interval = everyInterval(clock, 100, async () => {
      runs += 1
      await new Promise<void>((resolve) => {
        end = resolve
      })
    })
    await clock.advance(1_000)
    assert.equal(runs, 1, 'one at a time')
    end()
    await clock.advance(100)
    assert.equal(runs, 2)
    interval.stop()
    end()
    await clock.advance(1_000)
    assert.equal(runs, 2)
  })
})
