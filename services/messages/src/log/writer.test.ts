import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChatError, type CreateItem, type DocumentStore, memoryDocumentStore } from '@parley/kit'
import { add, at, command, post, remove, user } from '../testing/builders.ts'
import { say, startLog } from '../testing/start-log.ts'
import { withCreates } from '../testing/stores.ts'
import type { GiveUp } from './jobs.ts'
import { families, keys } from './stored.ts'

const texts = (items: readonly CreateItem<unknown>[]): string =>
  JSON.stringify(items.map(({ value }) => value))

const giveUp = (by: string, clientId: string, submittedAt = at): GiveUp => ({
  kind: 'give-up',
  senderId: user(by),
  clientId,
  submittedAt,
  refusal: { code: 'internal', message: 'set aside' },
})

describe('writer', () => {
  it('stores in the order in which it was given, and makes blocks of what has piled up', async () => {
    const log = startLog()
    await log.begin('ann', 'bob')
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, i) => log.submit(post('ann', `a${i}`))),
    )
    assert.deepEqual(
      outcomes.map(say),
      outcomes.map((_, i) => `stored ${i + 4}`),
    )
    const entries = await log.read()
    assert.deepEqual(
      entries.slice(3).map(({ clientId }) => clientId),
      outcomes.map((_, i) => `a${i}`),
    )
    assert.ok((await log.view()).n <= 5, 'one for the group, and three or four for 150 messages')
  })

  it('answers a repeat with the original: from the batch, from the tail, from the pages', async () => {
    const log = startLog()
    await log.begin('ann')
    const twice = await Promise.all([log.submit(post('ann', 'a1')), log.submit(post('ann', 'a1', 'other'))])
    assert.deepEqual(twice.map(say), ['stored 3', 'again 3'])
    assert.equal(say(await log.submit(post('ann', 'a1'))), 'again 3')
    assert.ok(await log.projector.project(await log.view()))
    assert.equal(say(await log.submit(post('ann', 'a1'))), 'again 3')
    const other = startLog({ store: log.store })
    assert.equal(say(await other.submit(post('ann', 'a1'))), 'again 3')
    assert.equal((await log.read()).length, 3)
  })

  it('a replica that is behind reads on before it answers a repeat', async () => {
    const one = startLog()
    await one.begin('ann')
    const two = startLog({ store: one.store, name: 'b' })
    await two.view()
    await one.submit(post('ann', 'a1'))
    await one.projector.project(await one.view())
    const outcome = await two.submit(post('ann', 'a1'))
    assert.equal(say(outcome), 'again 3')
    assert.ok(outcome.outcome === 'stored' && outcome.view.fold.seq === 3)
  })

  it('two replicas: one wins each number, and both are in the log once', async () => {
    const one = startLog()
    await one.begin('ann', 'bob')
    const two = startLog({ store: one.store, name: 'b' })
    const all = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).submit(post('ann', `a${i}`)))
    const both = [one.submit(post('bob', 'b1')), two.submit(post('bob', 'b1'))]
    await Promise.all([...all, ...both])
    const ids = (await one.read()).slice(3).map(({ clientId }) => clientId)
    assert.equal(ids.length, 41)
    assert.equal(new Set(ids).size, 41)
  })

  it('decides again what lost its number: who was removed meanwhile does not write', async () => {
    const one = startLog()
    await one.begin('ann', 'bob')
    const two = startLog({ store: one.store, name: 'b' })
    await two.view()
    await one.submit(remove('ann', 'r1', 'bob'))
    assert.equal(say(await two.submit(post('bob', 'b1'))), 'conversation_not_found')
    await one.submit(add('ann', 'r2', 'bob'))
    assert.equal(
      say(await one.submit(post('bob', 'b1'))),
      'conversation_not_found',
      'no is no, for every copy',
    )
    assert.equal(say(await one.submit(post('bob', 'b2'))), 'stored 6')
  })

  it('does not write on what has passed while a full tail was projected', async () => {
    const memory = memoryDocumentStore()
    let whileProjecting = async (): Promise<void> => {}
    const store = withCreates(memory, 'sent', async (items, create) => {
      await whileProjecting()
      return create(items)
    })
    const one = startLog({ store, tail: { entries: 1_000, blocks: 3 } })
    await one.begin('ann', 'bob')
    await one.submit(post('bob', 'b1'))
    await one.submit(post('bob', 'b2'))
    const two = startLog({ store: memory, name: 'b' })
    whileProjecting = async () => {
      whileProjecting = async () => {}
      await two.submit(remove('ann', 'r1', 'bob'))
      // A reader brings the view forward in the middle of the wait.
      await one.view()
    }
    assert.equal(say(await one.submit(post('bob', 'b3'))), 'conversation_not_found')
    assert.deepEqual(
      (await one.read()).slice(-1).map(({ kind }) => kind),
      ['member'],
    )
  })

  it('does not write on what was read of a client id before the log went on', async () => {
    const memory = memoryDocumentStore()
    let hold: Promise<void> | undefined
    let isRead = false
    const slow: DocumentStore = {
      ...memory,
      async getMany(family, wanted) {
        const found = await memory.getMany(family, wanted)
        if (family.prefix === families.sent.prefix && hold) {
          isRead = true
          await hold
        }
        return found
      },
    }
    const one = startLog({ store: slow })
    await one.begin('ann')
    let release = (): void => {}
    hold = new Promise((resolve) => {
      release = resolve
    })
    const writing = one.submit(post('ann', 'a1'))
    while (!isRead) await one.clock.settle()
    const two = startLog({ store: memory, name: 'b' })
    await two.submit(post('ann', 'a1'))
    await one.view()
    hold = undefined
    release()
    assert.equal(say(await writing), 'again 3')
    assert.equal((await one.read()).length, 3)
  })

  it('what changed nothing is remembered: a late copy changes nothing either', async () => {
    const log = startLog()
    await log.begin('ann', 'bob')
    assert.equal(say(await log.submit(add('ann', 'n1', 'bob'))), 'stored 3')
    await log.submit(remove('ann', 'r1', 'bob'))
    assert.equal(say(await log.submit(add('ann', 'n1', 'bob'))), 'again 3')
    await log.projector.project(await log.view())
    assert.equal(say(await startLog({ store: log.store }).submit(add('ann', 'n1', 'bob'))), 'again 3')
    assert.equal((await log.read()).length, 4)
  })

  it('writes a command of many entries in several blocks; killed in between, a copy ends it', async () => {
    const memory = memoryDocumentStore()
    const people = Array.from({ length: 100 }, (_, i) => `u${i}`)
    let blocks = 0
    const dying = withCreates(memory, 'log', async (items, create) => {
      blocks += 1
      return blocks === 3 ? new Promise(() => {}) : create(items)
    })
    const one = startLog({ store: dying })
    await one.begin('ann')
    void one.submit(add('ann', 'x', ...people))
    while (blocks < 3) await one.clock.settle()
    const two = startLog({ store: memory, name: 'b' })
    assert.equal(say(await two.submit(add('ann', 'x', ...people))), 'stored 102')
    assert.equal(say(await two.submit(add('ann', 'x', ...people))), 'again 102')
    assert.equal((await two.view()).fold.memberCount, 101)
    assert.equal((await two.read()).length, 102)
  })
})

describe('a store that answers neither yes nor no', () => {
  it('the same block is written again, and counts once', async () => {
    let lost = 0
    const log = startLog({
      store: withCreates(memoryDocumentStore(), 'log', async (items, create) => {
        const outcomes = await create(items)
        return texts(items).includes('a1') && lost++ === 0
          ? items.map(() => ({ outcome: 'unknown' }))
          : outcomes
      }),
    })
    await log.begin('ann')
    assert.equal(say(await log.submit(post('ann', 'a1'))), 'stored 3')
    assert.equal(lost, 2)
  })

  it('nothing is known: retry, for all that waits; and a block that lands late is found', async () => {
    let late: (() => Promise<unknown>) | undefined
    const log = startLog({
      store: withCreates(memoryDocumentStore(), 'log', async (items, create) => {
        if (!texts(items).includes('a1') || late === undefined) return create(items)
        late = () => create(items)
        return items.map(() => ({ outcome: 'unknown' }))
      }),
    })
    await log.begin('ann')
    late = async () => {}
    const outcomes = await Promise.all([log.submit(post('ann', 'a1')), log.submit(add('ann', 'x', 'bob'))])
    assert.deepEqual(outcomes.map(say), ['retry', 'retry'])
    await late()
    late = undefined
    assert.equal(say(await log.submit(post('ann', 'a2'))), 'stored 4', 'the number was taken')
    assert.equal(say(await log.submit(post('ann', 'a1'))), 'again 3')
  })

  it('a read that fails is not "never heard of it"', async () => {
    const memory = memoryDocumentStore()
    const log = startLog()
    await log.begin('ann')
    let broken = false
    const other = startLog({
      store: {
        ...memory,
        async getMany(family, wanted) {
          if (broken && family.prefix === families.sent.prefix) throw new ChatError('unavailable')
          return memory.getMany(family, wanted)
        },
      },
    })
    await other.begin('ann')
    broken = true
    assert.equal(say(await other.submit(post('ann', 'a1'))), 'retry')
    broken = false
    assert.equal(say(await other.submit(post('ann', 'a1'))), 'stored 3')
  })

  it('waits for the projection where the tail is full, and gives back where that fails', async () => {
    const memory = memoryDocumentStore()
    let broken = true
    const store = withCreates(memory, 'sent', async (items, create) =>
      broken ? items.map(() => ({ outcome: 'unknown' })) : create(items),
    )
    const log = startLog({ store, tail: { entries: 2, blocks: 3 } })
    await log.begin('ann')
    assert.deepEqual(
      [say(await log.submit(post('ann', 'a1'))), say(await log.submit(post('ann', 'a2')))],
      ['stored 3', 'stored 4'],
    )
    assert.equal(say(await log.submit(post('ann', 'a3'))), 'retry')
    broken = false
    assert.equal(say(await log.submit(post('ann', 'a3'))), 'stored 5')
    assert.ok((await log.view()).tail.length <= 3)
  })
})

describe('what cannot be handled', () => {
  const refusing = (memory = memoryDocumentStore()) =>
    withCreates(memory, 'log', async (items, create) => {
      if (texts(items).includes('poison')) throw new ChatError('internal')
      return create(items)
    })

  it('fails alone; all that came with it is stored, in its order', async () => {
    const log = startLog({ store: refusing() })
    await log.begin('ann', 'bob')
    const given = [post('ann', 'a1'), post('bob', 'b1', 'poison'), post('ann', 'a2'), post('bob', 'b2')]
    const outcomes = await Promise.all(given.map(log.submit))
    assert.deepEqual(outcomes.map(say), ['stored 4', 'failed', 'stored 5', 'stored 6'])
  })

  it('an outage is not poison', async () => {
    const log = startLog({
      store: withCreates(memoryDocumentStore(), 'log', async (items, create) => {
        if (texts(items).includes('poison')) throw new ChatError('unavailable')
        return create(items)
      }),
    })
    await log.begin('ann')
    assert.equal(say(await log.submit(post('ann', 'a1', 'poison'))), 'retry')
  })

  it('is refused for good in the log: no copy is stored after that, on whichever replica', async () => {
    const one = startLog()
    await one.begin('ann')
    const two = startLog({ store: one.store, name: 'b' })
    await two.view()
    assert.equal(say(await one.writer.submit(one.id, giveUp('ann', 'a1'))), 'internal')
    assert.equal(say(await two.submit(post('ann', 'a1'))), 'internal')
    assert.ok(await two.projector.project(await two.view()))
    assert.equal(say(await startLog({ store: one.store }).submit(post('ann', 'a1'))), 'internal')
    assert.equal((await one.read()).length, 2)
  })

  it('whoever was about to write it finds its place taken', async () => {
    const memory = memoryDocumentStore()
    let hold: Promise<void> | undefined
    let held = false
    const slow = withCreates(memory, 'log', async (items, create) => {
      if (texts(items).includes('a1')) {
        held = true
        await hold
      }
      return create(items)
    })
    const one = startLog({ store: slow })
    await one.begin('ann')
    const two = startLog({ store: memory, name: 'b' })
    let release = (): void => {}
    hold = new Promise((resolve) => {
      release = resolve
    })
    const writing = one.submit(post('ann', 'a1'))
    while (!held) await one.clock.settle()
    assert.equal(say(await two.writer.submit(two.id, giveUp('ann', 'a1'))), 'internal')
    release()
    assert.equal(say(await writing), 'internal')
  })

  it('what is stored already is not refused', async () => {
    const log = startLog()
    await log.begin('ann')
    await log.submit(post('ann', 'a1'))
    assert.equal(say(await log.writer.submit(log.id, giveUp('ann', 'a1'))), 'again 3')
  })

  it('submitted again later it is tried again, and stored; older copies find it', async () => {
    const log = startLog()
    await log.begin('ann')
    await log.writer.submit(log.id, giveUp('ann', 'a1'))
    const again = { ...post('ann', 'a1'), submittedAt: '2026-01-01T00:00:30.000Z' }
    assert.equal(say(await log.submit(again)), 'stored 3')
    assert.equal(say(await log.submit(post('ann', 'a1'))), 'again 3')
    await log.projector.project(await log.view())
    assert.deepEqual(
      (await log.store.get(families.sent, keys.sent('room', 'ann', 'a1')))?.value,
      { seq: 3 },
      'the last word of one tail',
    )
    assert.equal(say(await startLog({ store: log.store }).submit(post('ann', 'a1'))), 'again 3')
  })

  it('also where there is no conversation: it can begin later', async () => {
    const log = startLog()
    assert.equal(say(await log.writer.submit(log.id, giveUp('ann', 'x'))), 'internal')
    await log.begin('ann', 'bob')
    assert.deepEqual(
      (await log.read()).map(({ seq }) => seq),
      [1, 2, 3],
    )
    const page = await log.history.messages(await log.view(), { limit: 10 }, 1_000)
    assert.deepEqual(page, { items: [], fromSeq: 1, toSeq: 3, hasMore: false })
  })
})

describe('a damaged log', () => {
  it('can be read up to the damage, says so once to whoever watches, and takes nothing more', async () => {
    const log = startLog()
    await log.begin('ann')
    await log.submit(post('ann', 'a1'))
    const block = { firstSeq: 9, lastSeq: 9, messageCount: 0, nonce: 'x', prevNonce: 'y', entries: [] }
    await log.store.create(families.log, keys.log('room', 3), block, { nonce: 'x' })
    const view = await log.view()
    assert.deepEqual((await log.history.entries(view, 0, 10)).length, 3)
    assert.equal(say(await log.submit(post('ann', 'a2'))), 'conversation_read_only')
    assert.equal(
      say(await log.submit(command('ann', 'x', { kind: 'rename', title: 'T' }))),
      'conversation_read_only',
    )
    assert.equal(log.logged.filter((line) => line.includes('"alarm":true')).length, 1)
  })
})
