import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLogger, type DocumentStore, memoryDocumentStore } from '@parley/kit'
import { until } from '@parley/testkit'
import { add, at, conversation, create, post, remove, user } from '../testing/builders.ts'
import { startLog } from '../testing/start-log.ts'
import { withCreates } from '../testing/stores.ts'
import { nextBlock } from './block.ts'
import { createProjector } from './projector.ts'
import { families, keys, pageSpan } from './stored.ts'
import { applyBlock, trim, viewFrom } from './view.ts'

type Log = ReturnType<typeof startLog>

const never: { entries: number; blocks: number } = { entries: 1_000_000, blocks: 1_000_000 }

let said = 0
async function talk(log: Log, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => log.submit(post('ann', `a${++said}`))))
}

/** What a reader sees who has only the store. */
async function shown(store: DocumentStore) {
  const { views, history, id } = startLog({ store })
  const view = await views.current(id)
  const { items } = await history.messages(view, { limit: 100_000 }, Number.POSITIVE_INFINITY)
  const entries = await history.entries(view, 0, 100_000)
  return {
    head: view.fold.seq,
    projected: view.projected,
    messages: items.map(({ seq }) => seq),
    entries: entries.length,
  }
}

describe('projector', () => {
  it('writes full pages, client ids, inboxes, and last the state that says so', async () => {
    const log = startLog({ tail: never })
    await log.begin('ann', 'bob')
    await talk(log, 3 * pageSpan)
    const view = await log.view()
    const before = await shown(log.store)
    assert.ok(await log.projector.project(view))
    assert.deepEqual([view.projected, view.tail.length, view.ids.size, view.filled.size], [view.n, 0, 0, 0])
    assert.deepEqual(
      log.inboxes.flatMap(({ entries }) => entries).filter(({ kind }) => kind === 'member').length,
      2,
    )
    const after = await shown(log.store)
    assert.equal(after.projected, view.n)
    assert.deepEqual({ ...after, projected: 0 }, { ...before, projected: 0 })
    const found = await log.store.getMany(families.page, ['room:0', 'room:1', 'room:2', 'room:3'])
    assert.deepEqual([...found.keys()], ['room:0', 'room:1', 'room:2'], 'the unfinished page is in the state')
  })

  it('killed after any write it is done again, by whoever comes next, and all is there', async () => {
    for (let survive = 0; ; survive++) {
      const memory = memoryDocumentStore()
      const writer = startLog({ store: memory, tail: never })
      await writer.begin('ann', 'bob')
      await talk(writer, 2 * pageSpan)
      const expected = await shown(memory)
      const { store, died } = dyingAfter(memory, survive)
      const victim = startLog({ store, tail: never })
      void victim.projector.project(await victim.views.current(victim.id))
      for (let i = 0; i < 50; i++) await victim.clock.settle()
      const next = startLog({ store: memory, tail: never, name: 'b' })
      await talk(next, pageSpan)
      assert.ok(await next.projector.project(await next.view()))
      const found = await shown(memory)
      assert.deepEqual(
        [found.head, found.messages.length, found.entries],
        [expected.head + pageSpan, expected.messages.length + pageSpan, expected.entries + pageSpan],
        `killed after write ${survive}`,
      )
      const told = next.inboxes.flatMap(({ entries }) => entries).filter(({ kind }) => kind === 'member')
      assert.equal(told.length, died() ? 2 : 0, `inboxes after write ${survive}`)
      if (!died()) return assert.ok(survive >= 3, 'pages, client ids and state are writes of their own')
    }
  })

  it('is done by two replicas at once without harm; the slower takes over what is there', async () => {
    const one = startLog({ tail: never })
    await one.begin('ann')
    await talk(one, 100)
    const two = startLog({ store: one.store, tail: never, name: 'b' })
    const views = await Promise.all([one.view(), two.view()])
    await two.submit(post('ann', 'late'))
    const done = await Promise.all([one.projector.project(views[0]), two.projector.project(views[1])])
    assert.ok(done.some(Boolean))
    const found = await shown(one.store)
    assert.equal(found.entries, 103)
    for (const view of await Promise.all([one.view(), two.view()])) {
      assert.equal(view.projected + view.tail.length, view.n)
      assert.equal(view.fold.seq, 103)
    }
  })

  it('stays due where the store does not answer', async () => {
    const memory = memoryDocumentStore()
    for (const prefix of ['page', 'sent', 'state']) {
      let broken = true
      const store = withCreates(memory, prefix, async (items, create) =>
        broken ? items.map(() => ({ outcome: 'unknown' })) : create(items),
      )
      const log = startLog({ store, tail: never, name: prefix })
      if (prefix === 'page') await log.begin('ann')
      await talk(log, pageSpan + 1)
      const view = await log.view()
      const before = view.projected
      assert.equal(await log.projector.project(view), prefix === 'state' && before > 0, prefix)
      broken = false
      assert.ok(await log.projector.project(view), prefix)
    }
    assert.equal((await shown(memory)).entries, 3 * (pageSpan + 1) + 2)
  })

  it('keeps the tail short by itself', async () => {
    const log = startLog({ tail: { entries: 8, blocks: 12 } })
    await log.begin('ann', 'bob')
    for (let i = 0; i < 100; i++) {
      await log.submit(i % 3 === 0 ? remove('ann', `r${i}`, 'nobody') : post('ann', `a${i}`))
      await log.clock.settle()
      assert.ok((await log.view()).tail.length <= 12)
    }
    assert.equal((await shown(log.store)).messages.length, 66)
  })

  it('takes the conversations that are due one after the other, without those that are forgotten', async () => {
    const log = startLog({ tail: never })
    const ids = ['first', 'broken', 'last'].map(conversation)
    for (const id of ids) await log.writer.submit(id, create('ann', 'bob'))
    const views = await Promise.all(ids.map((id) => log.views.load(id)))
    const began: string[] = []
    let underWay = 0
    let most = 0
    const projector = createProjector(
      log.store,
      log.views,
      async (id) => {
        began.push(id)
        most = Math.max(most, ++underWay)
        await new Promise(setImmediate)
        underWay--
      },
      { dueEntries: 1, logger: createLogger('messages', 'silent') },
    )
    for (const view of views) projector.projectSoon(view)
    for (const view of views.slice(1, 2)) projector.forget(view)
    await until(() => views.at(-1)?.projected === 1, 'the last one is projected')
    assert.deepEqual(began, ['first', 'last'])
    assert.equal(most, 1)
    assert.deepEqual(
      views.map(({ projected }) => projected),
      [1, 0, 1],
    )
  })

  it('a view that leaves memory is projected first, and loaded again', async () => {
    const log = startLog({ maxViews: 0, tail: never })
    await log.begin('ann')
    await talk(log, 10)
    await log.trimMemory()
    assert.equal((await log.store.get(families.state, 'room'))?.value.fold.seq, 12)
    assert.deepEqual(log.views.overflow(), [])
    await log.submit(add('ann', 'x', 'bob'))
    assert.equal((await log.view()).fold.memberCount, 2)
  })

  it('of two refusals on record the later one counts, and what is stored more than any', async () => {
    const log = startLog({ tail: never })
    await log.begin('ann')
    const key = keys.sent('room', 'ann', 'x')
    const refused = { code: 'internal', message: 'no' } as const
    const giveUp = {
      kind: 'give-up',
      senderId: user('ann'),
      clientId: 'x',
      submittedAt: at,
      refusal: refused,
    } as const
    await log.writer.submit(log.id, giveUp)
    const later = { refused, phase: 'final', until: Date.parse(at) + 10 ** 12 } as const
    await log.store.create(families.sent, key, later)
    assert.ok(await log.projector.project(await log.view()))
    assert.deepEqual((await log.store.get(families.sent, key))?.value, later)
    await log.submit({ ...post('ann', 'x'), submittedAt: '2026-01-02T00:00:00.000Z' })
  })
})

describe('what a view forgets', () => {
  it('a command that was given up in a projected block and stored in a later one is remembered', () => {
    const view = viewFrom('room')
    const by = user('ann')
    const refused = { code: 'internal', message: 'no' } as const
    const became = { refused, phase: 'final', until: 1, submittedBy: at } as const
    applyBlock(
      view,
      1,
      nextBlock(view, [{ by, entries: [], settled: { by, clientId: 'x', became } }], 'n1', at),
    )
    applyBlock(
      view,
      2,
      nextBlock(view, [{ by, entries: [{ kind: 'message', clientId: 'x', text: 'x' }] }], 'n2', at),
    )
    trim(view, 1, 'etag')
    assert.equal(view.tail.length, 1)
    assert.deepEqual(
      [...view.ids.values()].map((record) => 'kind' in record && record.seq),
      [1],
    )
    trim(view, 2, 'etag')
    assert.equal(view.ids.size, 0)
  })

  it('never takes over a projection that is ahead of it', async () => {
    const log = startLog({ tail: never })
    await log.begin('ann')
    const behind = viewFrom('room')
    const other = createProjector(log.store, { ...log.views, readForward: async () => {} }, async () => {}, {
      dueEntries: 1,
      logger: createLogger('messages', 'silent'),
    })
    await log.projector.project(await log.view())
    await log.submit(post('ann', 'a1'))
    await log.projector.project(await log.view())
    applyBlock(behind, 1, nextBlock(behind, [], 'x', at))
    assert.equal(await other.project(behind), false)
    assert.equal(behind.projected, 0)
  })
})

/** A store whose process is killed after so many documents were written: nothing that it waits for comes. */
function dyingAfter(store: DocumentStore, survive: number): { store: DocumentStore; died: () => boolean } {
  let left = survive
  let dead = false
  const step = async <T>(run: () => Promise<T>): Promise<T> => {
    if (dead || left-- <= 0) {
      dead = true
      return new Promise(() => {})
    }
    const answer = await run()
    return dead ? new Promise(() => {}) : answer
  }
  return {
    died: () => dead,
    store: {
      ...store,
      createMany: (family, items) =>
        step(async () => {
          const outcomes = []
          for (const item of items) outcomes.push(...(await store.createMany(family, [item])))
          return outcomes
        }),
      create: (family, key, value, options) => step(() => store.create(family, key, value, options)),
      replace: (family, key, value, etag, options) =>
        step(() => store.replace(family, key, value, etag, options)),
    },
  }
}
