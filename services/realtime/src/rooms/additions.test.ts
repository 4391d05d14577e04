import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Conversation, UserId } from '@parley/contracts'
import { fakeClock } from '@parley/testkit'
import { at, conversation, memberEntry, messageEntry, user } from '../testing/builders.ts'
import { createAdditions } from './additions.ts'

const room = conversation('room')
const bob = user('bob')
const cid = user('cid')

function start(options: { members?: string[]; delayMs?: number } = {}) {
  const clock = fakeClock()
  const seen: string[] = []
  const state = {
    members: options.members ?? ['bob'],
    local: new Set(['bob', 'cid']),
    broken: false,
    fetches: 0,
  }
  const additions = createAdditions({
    clock,
    async fetchConversation() {
      state.fetches += 1
      const memberIds = state.members.map((name) => user(name))
      await new Promise<void>((resolve) => clock.setTimeout(resolve, options.delayMs ?? 10))
      if (state.broken) throw new Error('unavailable')
      if (memberIds.length === 0) return 'gone'
      const found: Conversation = {
        id: room,
        kind: 'group',
        createdAt: at,
        createdBy: bob,
        memberCount: memberIds.length,
      }
      return { conversation: found, memberIds }
    },
    isLocal: (id: UserId) => state.local.has(id),
    welcome: (id, _, entries) => seen.push(`${id} ${entries.map(({ seq }) => seq).join(' ')}`),
    settled: () => seen.push('settled'),
  })
  const add = (seq: number, id: UserId) => {
    const entry = memberEntry('room', seq, id, 'added')
    additions.emitted(room, entry)
    additions.added(room, id, entry)
  }
  return { clock, additions, state, seen, add }
}

describe('additions', () => {
  it('announces first, then gives what followed the addition', async () => {
    const { clock, additions, seen, add } = start()
    additions.emitted(room, messageEntry('room', 1))
    add(2, bob)
    additions.emitted(room, messageEntry('room', 3))
    await clock.advance(5)
    additions.emitted(room, messageEntry('room', 4))
    await clock.advance(5)
    assert.deepEqual(seen, ['bob 2 3 4', 'settled'])
  })

  it('asks once for all who are added in one turn, and each begins with their own addition', async () => {
    const { clock, state, seen, add } = start({ members: ['bob', 'cid'] })
    add(2, bob)
    add(3, cid)
    await clock.advance(10)
    assert.deepEqual(seen, ['bob 2 3', 'cid 3', 'settled'])
    assert.equal(state.fetches, 1)
  })

  it('brings in every member here: an addition that was overtaken is not needed any more', async () => {
    const { clock, seen, add } = start({ members: ['bob', 'cid'] })
    add(3, cid)
    await clock.advance(10)
    assert.deepEqual(seen, ['bob 3', 'cid 3', 'settled'])
  })

  it('asks again for who was added while it was asking', async () => {
    const { clock, state, seen, add } = start({ members: ['bob'] })
    add(2, bob)
    await clock.advance(5)
    state.members = ['bob', 'cid']
    add(3, cid)
    await clock.advance(20)
    assert.deepEqual(seen, ['bob 2 3', 'cid 3', 'settled'])
  })

  it('adds nobody who was removed since, as when an old event comes again', async () => {
    const { clock, seen, add } = start({ members: ['dan'] })
    add(2, bob)
    await clock.advance(10)
    assert.deepEqual(seen, ['settled'])
  })

  it('adds nobody who is removed while it is asking', async () => {
    const { clock, additions, seen, add } = start()
    add(2, bob)
    await clock.advance(5)
    additions.removed(room, bob)
    await clock.advance(10)
    assert.deepEqual(seen, ['settled'])
  })

  it('asks until it is answered, as long as somebody waits', async () => {
    const { clock, state, seen, add } = start()
    state.broken = true
    add(2, bob)
    await clock.advance(1_000)
    assert.ok(state.fetches >= 3)
    state.broken = false
    await clock.advance(2_000)
    assert.deepEqual(seen, ['bob 2', 'settled'])

    add(3, bob)
    state.broken = true
    state.local.clear()
    await clock.advance(60_000)
    assert.deepEqual(seen.slice(2), ['settled'])
    assert.equal(clock.timers, 0)
  })

  it('stops for a conversation that is gone', async () => {
    const { clock, seen, add } = start({ members: [] })
    add(2, bob)
    await clock.advance(10)
    assert.deepEqual(seen, ['settled'])
  })

  it('keeps a bounded number of entries: the newcomer sees a gap and fetches', async () => {
    const { clock, additions, seen, add } = start()
    add(1, bob)
    for (let seq = 2; seq <= 1_002; seq++) additions.emitted(room, messageEntry('room', seq))
    await clock.advance(10)
    assert.deepEqual(seen, ['bob 1002', 'settled'])
  })
})
