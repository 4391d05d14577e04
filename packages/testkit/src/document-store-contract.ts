import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ChatError, type Clock, type DocumentStore, defineFamily, newId } from '@parley/kit'
import { z } from 'zod'
import { fakeClock } from './fake-clock.ts'

const note = z.object({ text: z.string() })
const logs = defineFamily({ prefix: 'contract-log', mode: 'log', schema: note })
const records = defineFamily({ prefix: 'contract-record', mode: 'versioned', schema: note })
const flags = defineFamily({ prefix: 'contract-flag', mode: 'last-write', schema: note })
const leases = defineFamily({ prefix: 'contract-lease', mode: 'log', schema: note, expires: true })
const beats = defineFamily({ prefix: 'contract-beat', mode: 'last-write', schema: note, expires: true })
/** The same documents to a release in which a note has a list of lines, and to a later one that has a title, too. */
const lines = defineFamily({
  prefix: 'contract-record',
  mode: 'versioned',
  schema: z.object({ lines: z.array(z.string()) }),
  upgrades: [(old) => ({ lines: note.parse(old).text.split('\n') })],
})
const titled = defineFamily({
  prefix: 'contract-record',
  mode: 'versioned',
  schema: z.object({ title: z.string(), lines: z.array(z.string()) }),
  upgrades: [...lines.upgrades, (old) => ({ title: '', ...lines.schema.parse(old) })],
})
const numbers = defineFamily({ prefix: 'contract-log', mode: 'log', schema: z.object({ text: z.number() }) })

/** Texts and key parts that some store, driver or escape on the way has been seen to change. */
const awkward = [
  '$',
  '$$ROOT',
  '$set.x',
  'a.b.c',
  '.',
  '\u007f',
  'zero\u200dwidth',
  '🇨🇭',
  '👩‍👩‍👧‍👦',
  'quote \' and " and \\ and `',
  '<b>&amp;</b>',
  'a/b?c=d#e%20%2F+ %',
  '\u2028\u2029',
  'ÄÖÜ ß é e\u0301',
  'tab\tline\nreturn\r',
  '{"n":"x","v":1}',
  'null',
  '*',
  '[a-z]',
  'x'.repeat(200),
]

export interface OpenStore {
  readonly store: DocumentStore
  close(): Promise<void>
}

/** What every document store must do. Runs against a fresh or a used one: it draws its keys anew. */
export function documentStoreContract(name: string, open: (clock: Clock) => Promise<OpenStore>): void {
  describe(`document store contract: ${name}`, () => {
    const clock = fakeClock()
    let opened: OpenStore
    let store: DocumentStore
    before(async () => {
      opened = await open(clock)
      store = opened.store
    })
    after(async () => opened.close())

    it('creates once, and tells the loser what is there', async () => {
      const key = newId()
      assert.equal(await store.get(logs, key), undefined)
      assert.equal((await store.create(logs, key, { text: 'mine' }, { nonce: 'one' })).outcome, 'created')
      const loser = await store.create(logs, key, { text: 'late' }, { nonce: 'two' })
      assert.equal(loser.outcome, 'exists')
      assert.deepEqual(loser.outcome === 'exists' && loser.stored.value, { text: 'mine' })
      const stored = await store.get(logs, key)
      assert.deepEqual(stored?.value, { text: 'mine' })
      assert.equal(stored?.nonce, 'one')
      assert.notEqual(stored?.etag, '')
    })

    it('answers created to a repeat with the same nonce', async () => {
      const key = newId()
      await store.create(records, key, { text: 'a' }, { nonce: 'same' })
      const repeat = await store.create(records, key, { text: 'a' }, { nonce: 'same' })
      assert.equal(repeat.outcome, 'created')
    })

    it('lets exactly one of 32 racing creates win, and each knows', async () => {
      for (let round = 0; round < 5; round++) {
        const key = newId()
        const outcomes = await Promise.all(
          Array.from({ length: 32 }, (_, writer) =>
            store.create(logs, key, { text: `${writer}` }, { nonce: `${writer}` }),
          ),
        )
        const winners = outcomes.flatMap(({ outcome }, writer) =>
          outcome === 'created' ? [`${writer}`] : [],
        )
        const winner = (await store.get(logs, key))?.nonce
        assert.deepEqual(winners, [winner])
        for (const outcome of outcomes)
          if (outcome.outcome !== 'created')
            assert.equal(outcome.outcome === 'exists' && outcome.stored.nonce, winner)
      }
    })

    it('lets exactly one of 8 bulk creates have each key that they share', async () => {
      const id = newId()
      const keys = Array.from({ length: 40 }, (_, i) => `${id}-${i}`)
      const bulk = (writer: number) => {
        // Half of them backwards: writers that take keys in different orders must not wait for each other.
        const mine = writer % 2 === 0 ? keys : [...keys].reverse()
        return mine.map((key) => ({ key, value: { text: key }, nonce: `${writer}` }))
      }
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, async (_, writer) => {
          const items = bulk(writer)
          const answers = await store.createMany(logs, items)
          return new Map(items.map(({ key }, i) => [key, answers[i]]))
        }),
      )
      const found = await store.getMany(logs, keys)
      for (const key of keys) {
        const winners = outcomes.flatMap((answers, writer) =>
          answers.get(key)?.outcome === 'created' ? [`${writer}`] : [],
        )
        assert.deepEqual(winners, [found.get(key)?.nonce])
        for (const answers of outcomes) assert.notEqual(answers.get(key)?.outcome, 'unknown')
      }
    })

    it('replaces by etag alone', async () => {
      const key = newId()
      await store.create(records, key, { text: '1' })
      const first = await store.get(records, key)
      assert.ok(first)
      assert.equal(await store.replace(records, key, { text: '2' }, first.etag), 'replaced')
      assert.equal(await store.replace(records, key, { text: '3' }, first.etag), 'conflict')
      const second = await store.get(records, key)
      assert.deepEqual(second?.value, { text: '2' })
      assert.notEqual(second?.etag, first.etag)
      assert.notEqual(second?.nonce, first.nonce)
      assert.equal(await store.replace(records, key, { text: '3' }, second?.etag ?? ''), 'replaced')
      assert.equal((await store.create(records, key, { text: '4' })).outcome, 'exists')
    })

    it('lets exactly one of 32 racing replaces win, and each knows', async () => {
      const key = newId()
      await store.create(records, key, { text: 'start' })
      for (let round = 0; round < 5; round++) {
        const etag = (await store.get(records, key))?.etag ?? ''
        const outcomes = await Promise.all(
          Array.from({ length: 32 }, (_, writer) => store.replace(records, key, { text: `${writer}` }, etag)),
        )
        const winner = Number((await store.get(records, key))?.value.text)
        assert.deepEqual(
          outcomes,
          outcomes.map((_, writer) => (writer === winner ? 'replaced' : 'conflict')),
        )
      }
    })

    it('puts: the last write stays', async () => {
      const key = newId()
      await store.put(flags, key, { text: '1' })
      await store.put(flags, key, { text: '2' })
      assert.deepEqual((await store.get(flags, key))?.value, { text: '2' })
      await Promise.all(
        Array.from({ length: 32 }, (_, writer) => store.put(flags, key, { text: `${writer}` })),
      )
      assert.match((await store.get(flags, key))?.value.text ?? '', /^\d+$/)
    })

    it('deletes, also what is not there, and creates anew after it', async () => {
      const key = newId()
      await store.delete(logs, key)
      await store.create(logs, key, { text: '1' })
      await store.delete(logs, key)
      assert.equal(await store.get(logs, key), undefined)
      assert.equal((await store.create(logs, key, { text: '2' })).outcome, 'created')
    })

    it('reads an expired document as absent', async () => {
      const key = newId()
      const expiresAt = clock.now() + 60_000
      await store.create(leases, key, { text: 'lease' }, { expiresAt })
      await store.put(beats, key, { text: 'beat' }, { expiresAt })
      assert.equal((await store.get(leases, key))?.expiresAt, expiresAt)
      assert.equal((await store.create(leases, key, { text: 'early' }, { expiresAt })).outcome, 'exists')
      await clock.advance(60_000)
      assert.equal(await store.get(leases, key), undefined)
      assert.equal((await store.getMany(beats, [key])).size, 0)
    })

    it('lets exactly one of 8 take the place of an expired document', async () => {
      const key = newId()
      await store.create(leases, key, { text: 'old' }, { expiresAt: clock.now() + 10 })
      await clock.advance(11)
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, writer) =>
          store.create(
            leases,
            key,
            { text: `${writer}` },
            { nonce: `${writer}`, expiresAt: clock.now() + 60_000 },
          ),
        ),
      )
      const winners = outcomes.flatMap(({ outcome }, writer) => (outcome === 'created' ? [`${writer}`] : []))
      assert.deepEqual(winners, [(await store.get(leases, key))?.nonce])
    })

    it('reads and writes many keys', async () => {
      const id = newId()
      const items = Array.from({ length: 300 }, (_, i) => ({ key: `${id}-${i}`, value: { text: `${i}` } }))
      for (const outcome of await store.createMany(logs, items)) assert.equal(outcome.outcome, 'created')
      const found = await store.getMany(logs, [...items.map(({ key }) => key), `${id}-absent`])
      assert.equal(found.size, 300)
      for (const { key, value } of items) assert.deepEqual(found.get(key)?.value, value)
      assert.equal((await store.getMany(logs, [])).size, 0)
      assert.deepEqual(await store.createMany(logs, []), [])
    })

    it('answers each item of a bulk create where one is taken', async () => {
      const id = newId()
      await store.create(logs, `${id}-1`, { text: 'taken' }, { nonce: 'first' })
      const outcomes = await store.createMany(
        logs,
        [0, 1, 2, 3].map((i) => ({ key: `${id}-${i}`, value: { text: `${i}` }, nonce: `n${i}` })),
      )
      assert.deepEqual(
        outcomes.map(({ outcome }) => outcome),
        ['created', 'exists', 'created', 'created'],
      )
      const found = await store.getMany(
        logs,
        [0, 1, 2, 3].map((i) => `${id}-${i}`),
      )
      assert.deepEqual([...found.values()].map(({ nonce }) => nonce).sort(), ['first', 'n0', 'n2', 'n3'])
    })

    it('keeps values of 256 KiB, more of them in one bulk than a request may hold', async () => {
      const id = newId()
      const text = '"\\é'.repeat(65_536)
      const items = Array.from({ length: 12 }, (_, i) => ({ key: `${id}-${i}`, value: { text } }))
      for (const { outcome } of await store.createMany(logs, items)) assert.equal(outcome, 'created')
      const found = await store.getMany(
        logs,
        items.map(({ key }) => key),
      )
      assert.equal(found.size, items.length)
      for (const { value } of found.values()) assert.ok(value.text === text)
    })

    it('keeps awkward texts', async () => {
      const id = newId()
      const items = [...awkward, '', '\0', '\ud800 lone'].map((text, i) => ({
        key: `${id}-${i}`,
        value: { text },
      }))
      await store.createMany(logs, items)
      for (const { key, value } of items) assert.deepEqual((await store.get(logs, key))?.value, value)
    })

    it('keeps awkward keys apart', async () => {
      const id = newId()
      const keys = awkward.map((part) => `${id}:${part}`)
      for (const key of keys) {
        const created = await store.create(logs, key, { text: key })
        assert.equal(created.outcome, 'created', key)
      }
      const found = await store.getMany(logs, keys)
      for (const key of keys) assert.deepEqual(found.get(key)?.value, { text: key }, key)
      for (const key of keys) await store.delete(logs, key)
      assert.equal((await store.getMany(logs, keys)).size, 0)
    })

    it('refuses keys that are not keys', async () => {
      for (const key of ['', 'a||b', 'nul\0', '\ud800'])
        await assert.rejects(async () => store.get(logs, key), TypeError)
    })

    it('refuses to mix modes', async () => {
      const mixed: (() => Promise<unknown>)[] = [
        // @ts-expect-error -- a log is not put
        async () => store.put(logs, 'k', { text: '' }),
        // @ts-expect-error -- a log is not replaced
        async () => store.replace(logs, 'k', { text: '' }, '1'),
        // @ts-expect-error -- a record is not put
        async () => store.put(records, 'k', { text: '' }),
        // @ts-expect-error -- a flag is not created
        async () => store.create(flags, 'k', { text: '' }),
        // @ts-expect-error -- a flag is not created
        async () => store.createMany(flags, [{ key: 'k', value: { text: '' } }]),
        // @ts-expect-error -- a flag is not replaced
        async () => store.replace(flags, 'k', { text: '' }, '1'),
        async () => store.create(leases, 'k', { text: '' }),
        async () => store.create(logs, 'k', { text: '' }, { expiresAt: 1 }),
        async () => store.put(flags, 'k', { text: '' }, { expiresAt: 1 }),
      ]
      for (const write of mixed) await assert.rejects(write, TypeError)
    })

    it('brings former shapes up to date, and leaves later ones alone', async () => {
      const [first, second] = [newId(), newId()]
      await store.create(records, first, { text: 'a\nb' })
      await store.create(lines, second, { lines: ['c'] })
      const found = await store.getMany(titled, [first, second])
      const values = [first, second].map((key) => found.get(key)?.value)
      assert.deepEqual(values, [
        { title: '', lines: ['a', 'b'] },
        { title: '', lines: ['c'] },
      ])
      const etag = (await store.get(lines, first))?.etag ?? ''
      assert.equal(await store.replace(lines, first, { lines: ['d'] }, etag), 'replaced')
      assert.deepEqual((await store.get(titled, first))?.value, { title: '', lines: ['d'] })
      const later = (error: unknown) => error instanceof ChatError && error.code === 'unavailable'
      await assert.rejects(store.get(records, first), later)
    })

    it('throws where a document does not fit its schema', async () => {
      const key = newId()
      await store.create(logs, key, { text: 'not a number' })
      await assert.rejects(
        store.get(numbers, key),
        (error) => error instanceof ChatError && error.code === 'internal',
      )
    })
  })
}
