/** What a store must keep of its promises while its server, or what stands before it, is killed or stopped. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type CreateOutcome, type DocumentStore, defineFamily, newId, type ReplaceOutcome } from '@parley/kit'
import { z } from 'zod'
import type { Breakable } from './servers.ts'

const entries = defineFamily({ prefix: 'fault', mode: 'log', schema: z.object({ i: z.number() }) })
const records = defineFamily({
  prefix: 'fault-record',
  mode: 'versioned',
  schema: z.object({ i: z.number() }),
})

/** Time-outs so short that a frozen store is given up while the test looks on. */
export const impatient = { readMs: 1_000, writeMs: 1_000 }

interface Running {
  readonly store: DocumentStore
  readonly server: Breakable
  /** What stands between the two. */
  readonly daprd?: Breakable
}

interface Write {
  readonly key: string
  readonly nonce: string
  readonly i: number
}
const newWrites = (count: number): Write[] =>
  Array.from({ length: count }, (_, i) => ({ key: newId(), nonce: newId(), i }))
const create = (store: DocumentStore, { key, nonce, i }: Write) =>
  store.create(entries, key, { i }, { nonce })

/** Tries the same write until its outcome is known. */
async function eventually<O extends ReplaceOutcome | CreateOutcome<unknown>>(
  write: () => Promise<O>,
): Promise<O> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const outcome = await write()
    const known = typeof outcome === 'string' ? outcome : outcome.outcome
    if (known !== 'unknown' || Date.now() > deadline) return outcome
  }
}
const settle = (store: DocumentStore, write: Write) => eventually(() => create(store, write))

/** What was acknowledged is there, and what was not comes to be exactly once. */
async function verify(store: DocumentStore, writes: readonly Write[], outcomes: readonly string[]) {
  for (const outcome of outcomes) assert.notEqual(outcome, 'exists')
  const found = await readEventually(store, writes)
  for (const [i, write] of writes.entries()) {
    const nonce = found.get(write.key)?.nonce
    if (outcomes[i] === 'created') assert.equal(nonce, write.nonce, 'an acknowledged write is lost')
    else assert.ok(nonce === undefined || nonce === write.nonce)
  }
  for (const write of writes) assert.equal((await settle(store, write)).outcome, 'created')
  assert.equal(
    (
      await store.getMany(
        entries,
        writes.map(({ key }) => key),
      )
    ).size,
    writes.length,
  )
}

/** The sidecar needs a moment to find a store that came back. */
async function readEventually(store: DocumentStore, writes: readonly Write[]) {
  const keys = writes.map(({ key }) => key)
  for (let tried = 0; ; tried++) {
    try {
      return await store.getMany(entries, keys)
    } catch (error) {
      if (tried === 200) throw error
      await delay(50)
    }
  }
}

/** 16 writers at a time. When a third is done something breaks; when that has hit somebody it is mended. */
async function writeThrough(
  store: DocumentStore,
  writes: readonly Write[],
  { breaks, mends }: { breaks: () => Promise<void> | void; mends: () => Promise<void> },
): Promise<string[]> {
  const outcomes: string[] = []
  let next = 0
  let broken: Promise<void> | undefined
  let mended: Promise<void> | undefined
  const writer = async () => {
    for (let i = next++; i < writes.length; i = next++) {
      if (i === Math.floor(writes.length / 3)) broken = Promise.resolve(breaks())
      const write = writes[i]
      if (write === undefined) continue
      const { outcome } = await create(store, write)
      outcomes[i] = outcome
      if (outcome === 'unknown') mended ??= Promise.resolve(broken).then(mends)
    }
  }
  await Promise.all(Array.from({ length: 16 }, writer))
  assert.ok(mended, 'what broke hit nobody')
  await mended
  return outcomes
}

/** Tests against what `start` brings up, or says why it cannot. */
export function faultContract(
  name: string,
  start: () => Promise<(Running & { close(): Promise<void> }) | string>,
  { withDaprd = false } = {},
): void {
  describe(`document store under faults: ${name}`, () => {
    let running: Running | undefined
    let close = async () => {}
    let reason: string | undefined
    before(async () => {
      const started = await start()
      if (typeof started === 'string') reason = started
      else {
        running = started
        close = started.close
      }
    })
    after(() => close())

    it('loses nothing that it acknowledged when the store is killed in the middle of writes', async (t) => {
      if (!running) return t.skip(reason)
      const { store, server } = running
      const writes = newWrites(300)
      const outcomes = await writeThrough(store, writes, { breaks: server.kill, mends: server.start })
      await verify(store, writes, outcomes)
    })

    it('decides by nonce what a stopped store did with a write that timed out', async (t) => {
      if (!running) return t.skip(reason)
      const { store, server } = running
      const writes = newWrites(16)
      const etagged = newId()
      await store.create(records, etagged, { i: 0 })
      const etag = (await store.get(records, etagged))?.etag ?? ''
      server.freeze()
      const frozen = Promise.all([
        Promise.all(writes.map((write) => create(store, write))),
        store.createMany(
          entries,
          writes.map(({ key, nonce, i }) => ({ key: `bulk-${key}`, nonce, value: { i } })),
        ),
        store.replace(records, etagged, { i: 1 }, etag),
      ])
      const [created, bulk, replaced] = await frozen.finally(() => server.thaw())
      for (const { outcome } of [...created, ...bulk]) assert.equal(outcome, 'unknown')
      assert.equal(replaced, 'unknown')
      await verify(
        store,
        writes,
        created.map(({ outcome }) => outcome),
      )
      // A rival with a nonce of its own gets the key, or is told whose it is; never both, never neither.
      for (const { key, nonce } of writes) {
        const rival = await settle(store, { key: `bulk-${key}`, nonce: 'rival', i: -1 })
        const stored = await store.get(entries, `bulk-${key}`)
        assert.equal(stored?.nonce, rival.outcome === 'created' ? 'rival' : nonce)
      }
      // The same replace once more: done now, or in the way of itself because it landed before; never both.
      const again = await eventually(() => store.replace(records, etagged, { i: 1 }, etag))
      assert.notEqual(again, 'unknown')
      assert.equal((await store.get(records, etagged))?.value.i, 1)
    })

    if (!withDaprd) return
    it('loses nothing that it acknowledged when daprd is killed in the middle of writes', async (t) => {
      if (!running) return t.skip(reason)
      const { store, daprd } = running
      assert.ok(daprd)
      const writes = newWrites(300)
      const outcomes = await writeThrough(store, writes, { breaks: daprd.kill, mends: daprd.start })
      await verify(store, writes, outcomes)
    })
  })
}
