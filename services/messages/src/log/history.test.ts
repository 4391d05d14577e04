import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { command, post, remove } from '../testing/builders.ts'
import { startLog } from '../testing/start-log.ts'
import type { HistoryPart } from './history.ts'
import type { View } from './view.ts'

const never = { entries: 1_000_000, blocks: 1_000_000 }
const anyBytes = Number.POSITIVE_INFINITY

/**
 * 200 entries: a message at every seq but each fourth, where a member is renamed into being; in blocks of one to many,
 * with blocks without entries in between. Seqs 1 and 2 begin the conversation.
 */
async function longTalk(log: ReturnType<typeof startLog>): Promise<void> {
  await log.begin('ann')
  for (let seq = 3; seq <= 200; seq++) {
    if (seq % 4 === 0) await log.submit(command('ann', `t${seq}`, { kind: 'rename', title: `T${seq}` }))
    else if (seq % 10 === 1) await log.submit(post('ann', `a${seq}`))
    else void log.submit(post('ann', `a${seq}`))
    if (seq % 50 === 0) await log.submit(remove('ann', `nobody-${seq}`, 'nobody'))
  }
  await log.writer.idle()
}
const isMessageAt = (seq: number): boolean => seq >= 3 && seq % 4 !== 0
const messagesIn = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i).filter(isMessageAt)

/** Where the log lies: all in memory, all in pages, or some here and some there. */
const places: [string, (log: ReturnType<typeof startLog>) => Promise<View>][] = [
  ['in the tail', (log) => log.view()],
  [
    'in the pages',
    async (log) => {
      const view = await log.view()
      assert.ok(await log.projector.project(view))
      return startLog({ store: log.store }).view()
    },
  ],
  [
    'in both',
    async (log) => {
      assert.ok(await log.projector.project(await log.view()))
      await log.submit(post('ann', 'last'))
      return startLog({ store: log.store }).view()
    },
  ],
]

for (const [place, open] of places)
  describe(`history, ${place}`, () => {
    const log = startLog({ tail: never })
    let view: View
    let head: number
    before(async () => {
      await longTalk(log)
      view = await open(log)
      head = view.fold.seq
    })
    const page = (
      range: { before?: number; after?: number; limit: number },
      bytes = anyBytes,
    ): Promise<HistoryPart> => log.history.messages(view, range, bytes)
    const seqs = ({ items }: HistoryPart): number[] => items.map(({ seq }) => seq)

    it('is walked back page by page: each covers its range, and together all of it', async () => {
      for (const limit of [1, 7, 64, 200]) {
        const all: number[] = []
        let to = head
        for (let before: number | undefined; ; ) {
          const part = await page(before === undefined ? { limit } : { before, limit })
          assert.equal(part.toSeq, before === undefined ? head : before - 1)
          assert.deepEqual(seqs(part), head === 200 ? messagesIn(part.fromSeq, part.toSeq) : seqs(part))
          assert.ok(part.items.length <= limit)
          all.unshift(...seqs(part))
          to = part.fromSeq
          if (!part.hasMore) break
          before = part.fromSeq
        }
        assert.equal(to, 1)
        assert.deepEqual(all, [...messagesIn(1, 200), ...(head > 200 ? [201] : [])], `pages of ${limit}`)
      }
    })

    it('is the same where the pages were read before the view', async () => {
      for (const before of [1, 2, 64, 65, 130, head + 1, 900]) {
        const range = { before, limit: 50 }
        const readAhead = await log.history.readAhead(view.id, range)
        assert.deepEqual(await log.history.messages(view, range, anyBytes, readAhead), await page(range))
      }
    })

    it('is walked forward the same way', async () => {
      for (const limit of [1, 7, 64, 200]) {
        const all: number[] = []
        for (let after = 0; ; ) {
          const part = await page({ after, limit })
          assert.equal(part.fromSeq, after + 1)
          all.push(...seqs(part))
          after = part.toSeq
          if (!part.hasMore) break
        }
        assert.deepEqual(all, [...messagesIn(1, 200), ...(head > 200 ? [201] : [])], `pages of ${limit}`)
      }
    })

    const edges: [string, { before?: number; after?: number; limit: number }, HistoryPart][] = [
      ['before the first', { before: 1, limit: 5 }, { items: [], fromSeq: 1, toSeq: 0, hasMore: false }],
      ['before nothing', { before: 0, limit: 5 }, { items: [], fromSeq: 1, toSeq: 0, hasMore: false }],
      [
        'before what are no messages',
        { before: 3, limit: 5 },
        { items: [], fromSeq: 1, toSeq: 2, hasMore: false },
      ],
      [
        'after what is to come',
        { after: 900, limit: 5 },
        { items: [], fromSeq: 901, toSeq: 900, hasMore: false },
      ],
    ]
    for (const [what, range, expected] of edges)
      it(what, async () => assert.deepEqual(await page(range), expected))

    it('excludes the seq that is given, and begins and ends at holes', async () => {
      assert.deepEqual(seqs(await page({ before: 71, limit: 3 })), [67, 69, 70])
      assert.deepEqual(seqs(await page({ after: 63, limit: 3 })), [65, 66, 67])
      const beyond = await page({ before: 9_000, limit: 2 })
      assert.equal(beyond.toSeq, head)
    })

    it('ends a page at its bytes, with one message at least', async () => {
      const small = await page({ limit: 200 }, 1)
      assert.deepEqual([small.items.length, small.hasMore], [1, true])
      const some = await page({ after: 0, limit: 200 }, 5_000)
      assert.ok(some.items.length > 3 && some.items.length < 20)
      assert.equal(some.toSeq, some.items.at(-1)?.seq)
    })

    it('finds one message, and counts up to any seq', async () => {
      assert.equal((await log.history.messageAt(view, 63))?.clientId, 'a63')
      for (const seq of [0, 2, 64, 9_000]) assert.equal(await log.history.messageAt(view, seq), undefined)
      for (const seq of [0, 1, 3, 63, 64, 65, 128, 199])
        assert.equal(await log.history.countUpTo(view, seq), messagesIn(1, seq).length, `up to ${seq}`)
      assert.equal(await log.history.countUpTo(view, 9_000), view.fold.count)
    })

    it('gives the entries after any seq, without a gap', async () => {
      for (const after of [0, 1, 63, 64, 100, 199])
        for (const limit of [1, 10, 200]) {
          const entries = await log.history.entries(view, after, limit)
          const expected = Array.from({ length: Math.min(limit, head - after) }, (_, i) => after + 1 + i)
          assert.deepEqual(
            entries.map(({ seq }) => seq),
            expected,
            `after ${after}`,
          )
        }
      assert.deepEqual(await log.history.entries(view, head, 10), [])
      assert.deepEqual(await log.history.entries(view, 9_000, 10), [])
      assert.equal((await log.history.entries(view, 10, 200, 1)).length, 1)
    })
  })

describe('history while the conversation goes on', () => {
  it('shows what was there when it was asked for', async () => {
    const log = startLog({ tail: never })
    await log.begin('ann')
    for (let i = 0; i < 100; i++) void log.submit(post('ann', `a${i}`))
    await log.writer.idle()
    await log.projector.project(await log.view())
    const view = await log.view()
    const asked = log.history.messages(view, { limit: 200 }, anyBytes)
    const entries = log.history.entries(view, 0, 200)
    const more = log.submit(post('ann', 'more'))
    assert.equal((await asked).toSeq, 102)
    assert.equal((await asked).items.at(-1)?.seq, 102)
    assert.equal((await entries).at(-1)?.seq, 102)
    await more
  })

  it('an empty conversation has an empty page', async () => {
    const log = startLog()
    const view = await log.view()
    assert.deepEqual(await log.history.messages(view, { limit: 5 }, anyBytes), {
      items: [],
      fromSeq: 1,
      toSeq: 0,
      hasMore: false,
    })
    assert.deepEqual(await log.history.entries(view, 0, 5), [])
    assert.equal(await log.history.countUpTo(view, 0), 0)
  })
})
