import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { foldOf, group, member, user, wrote } from '../testing/builders.ts'
import { unreadOf } from '../unread.ts'
import {
  activeMemberIds,
  applyEntry,
  emptyFold,
  foldFromState,
  foldToState,
  isMember,
  mentionsKept,
} from './fold.ts'
import { state } from './stored.ts'

const nothingRead = { readSeq: 0, count: 0 }

describe('fold', () => {
  it('knows who is in, and what they are', () => {
    const fold = foldOf(...group('bob', 'cid'), member('bob', 'role', 'admin'), member('cid', 'removed'))
    assert.deepEqual(activeMemberIds(fold), ['ann', 'bob'])
    assert.equal(fold.memberCount, 2)
    assert.equal(fold.members.get(user('bob'))?.role, 'admin')
    assert.equal(isMember(fold, user('cid')), false)
  })

  it('takes only the entry that follows', () => {
    const fold = foldOf(...group())
    const again = { kind: 'message', by: user('ann'), clientId: 'x', text: 'x', at: fold.at } as const
    assert.throws(() => applyEntry(fold, { ...again, seq: fold.seq }))
    assert.throws(() => applyEntry(fold, { ...again, seq: fold.seq + 2 }))
  })

  it('counts twice removed, twice added once', () => {
    const fold = foldOf(
      ...group('bob'),
      member('bob', 'removed'),
      member('bob', 'removed'),
      member('bob'),
      member('bob'),
    )
    assert.equal(fold.memberCount, 2)
  })

  it('is the same after it was stored', () => {
    const fold = foldOf(
      ...group('bob', 'cid'),
      wrote('bob', 'b1', { mentions: [user('ann')] }),
      wrote('cid', 'c1', { threadOf: 5 }),
      member('cid', 'removed'),
    )
    const stored = state.shape.fold.parse(JSON.parse(JSON.stringify(foldToState(fold))))
    assert.deepEqual(foldFromState(stored), fold)
    assert.deepEqual(foldFromState(foldToState(emptyFold())), emptyFold())
  })

  it('keeps the newest mentions of each member, and of nobody else', () => {
    const mentions = Array.from({ length: mentionsKept + 5 }, (_, i) =>
      wrote('bob', `b${i}`, { mentions: [user('ann'), user('eve')] }),
    )
    const fold = foldOf(...group('bob'), ...mentions)
    assert.equal(fold.members.get(user('ann'))?.mentions.length, mentionsKept)
    assert.equal(fold.members.get(user('ann'))?.mentions.at(-1), fold.seq)
    assert.equal(fold.members.has(user('eve')), false)
  })
})

describe('unread', () => {
  const team = group('bob')
  const talk = foldOf(
    ...team, // 1 to 3
    wrote('bob', 'b1', { mentions: [user('ann')] }), // 4
    wrote('ann', 'a1'), // 5
    wrote('bob', 'b2', { mentions: [user('ann')] }), // 6
    wrote('bob', 'b3', { threadOf: 6 }), // 7
    member('cid'), // 8
    wrote('bob', 'b4'), // 9
  )
  const cases: [string, string, { readSeq: number; count: number }, object][] = [
    ['what came after my own message', 'ann', nothingRead, { readSeq: 5, unread: 2, mentions: 1 }],
    [
      'a marker that is ahead of my own message counts',
      'ann',
      { readSeq: 6, count: 3 },
      { readSeq: 6, unread: 1, mentions: 0 },
    ],
    ['one that is behind does not', 'ann', { readSeq: 4, count: 1 }, { readSeq: 5, unread: 2, mentions: 1 }],
    ['who wrote last has read all', 'bob', nothingRead, { readSeq: 9, unread: 0, mentions: 0 }],
    ['a newcomer has everything before them', 'cid', nothingRead, { readSeq: 0, unread: 4, mentions: 0 }],
    ['all is read', 'cid', { readSeq: 9, count: 4 }, { readSeq: 9, unread: 0, mentions: 0 }],
    ['a stranger has no own message', 'eve', nothingRead, { readSeq: 0, unread: 4, mentions: 0 }],
  ]
  for (const [what, who, marker, expected] of cases)
    it(what, () => assert.deepEqual(unreadOf(talk, user(who), marker), expected))

  it('posting in a thread reads what was before it', () => {
    const fold = foldOf(...team, wrote('bob', 'b1'), wrote('ann', 'a1', { threadOf: 4 }), wrote('bob', 'b2'))
    assert.deepEqual(unreadOf(fold, user('ann'), nothingRead), { readSeq: 5, unread: 1, mentions: 0 })
  })

  it('who comes back has read what they wrote', () => {
    const fold = foldOf(
      ...team,
      wrote('bob', 'b1'),
      member('bob', 'removed'),
      wrote('ann', 'a1'),
      member('bob'),
    )
    assert.deepEqual(unreadOf(fold, user('bob'), nothingRead), { readSeq: 4, unread: 1, mentions: 0 })
  })
})
