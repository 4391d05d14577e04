import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChatError, type DocumentStore, memoryDocumentStore } from '@parley/kit'
import type { StoredEntry } from './log/stored.ts'
import { createPeople } from './people.ts'
import { at, conversation, user } from './testing/builders.ts'

const room = conversation('room')
const change = (seq: number, name: string, kind: 'added' | 'removed' | 'role'): StoredEntry => ({
  kind: 'member',
  seq,
  at,
  by: user('ann'),
  userId: user(name),
  change: kind,
})

describe('inbox', () => {
  it('the newest change of each person counts, in whichever order they come', async () => {
    const [added, removed, back] = [
      change(3, 'bob', 'added'),
      change(5, 'bob', 'removed'),
      change(7, 'bob', 'added'),
    ]
    for (const [order, isIn] of [
      [[[added], [removed], [back]], true],
      [[[back], [removed], [added]], true],
      [[[removed], [added]], false],
      [[[added, removed], [added]], false],
      [[[back, added, removed]], true],
      [[[change(4, 'bob', 'role')]], false],
    ] as const) {
      const people = createPeople(memoryDocumentStore())
      for (const entries of order) await people.writeInboxes(room, entries)
      assert.deepEqual(await people.conversations(user('bob')), isIn ? [room] : [])
    }
  })

  it('holds many conversations, and counts those of many people', async () => {
    const people = createPeople(memoryDocumentStore())
    const ids = Array.from({ length: 50 }, (_, i) => conversation(`room-${i}`))
    await Promise.all(
      ids.map((id) => people.writeInboxes(id, [change(2, 'ann', 'added'), change(3, 'bob', 'added')])),
    )
    await people.writeInboxes(ids[0] ?? room, [change(4, 'bob', 'removed')])
    assert.deepEqual((await people.conversations(user('ann'))).sort(), [...ids].sort())
    const names = ['ann', 'bob', 'cid'].map(user)
    const many = [...names, ...Array.from({ length: 70 }, (_, i) => user(`u${i}`))]
    const counts = await people.conversationCounts(many)
    assert.deepEqual(
      names.map((name) => counts.get(name)),
      [50, 49, 0],
    )
    assert.equal(counts.size, many.length)
  })
})

describe('read markers', () => {
  it('only go forward, also where several move them at once', async () => {
    const people = createPeople(memoryDocumentStore())
    const moved = await Promise.all(
      [3, 9, 5].map((readSeq) => people.moveReadMarker(user('ann'), room, { readSeq, count: readSeq })),
    )
    assert.ok(moved.some(({ readSeq }) => readSeq === 9))
    assert.deepEqual(await people.readMarker(user('ann'), room), { readSeq: 9, count: 9 })
    assert.deepEqual(await people.moveReadMarker(user('ann'), room, { readSeq: 4, count: 4 }), {
      readSeq: 9,
      count: 9,
    })
    assert.deepEqual([...(await people.readMarkers(user('ann')))], [[room, { readSeq: 9, count: 9 }]])
    assert.deepEqual(await people.readMarker(user('bob'), room), { readSeq: 0, count: 0 })
  })

  it('say that they are not moved where the store never takes them', async () => {
    const memory = memoryDocumentStore()
    const store: DocumentStore = { ...memory, create: async () => ({ outcome: 'unknown' }) }
    await assert.rejects(
      createPeople(store).moveReadMarker(user('ann'), room, { readSeq: 1, count: 1 }),
      (error) => error instanceof ChatError && error.code === 'unavailable',
    )
  })
})
