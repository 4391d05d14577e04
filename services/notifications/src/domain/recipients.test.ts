import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry, UserId } from '@parley/contracts'
import { candidates, needsMembers, pushWithinMs, type StoredConversation, wants } from './recipients.ts'

const now = Date.parse('2026-06-01T12:00:00.000Z')
const at = (agoMs: number) => new Date(now - agoMs).toISOString()
const posted = (
  seq: number,
  { by = 'ann', mentions = [] as string[], agoMs = 0, deletedAt = '' } = {},
): Entry =>
  ({
    ...{ conversationId: 'c', seq, at: at(agoMs), by, kind: 'message' },
    message: {
      conversationId: 'c',
      seq,
      senderId: by,
      createdAt: at(agoMs),
      mentions,
      ...(deletedAt && { deletedAt }),
    },
  }) as unknown as Entry
const conversation = (entries: Entry[], memberIds?: string[]): StoredConversation =>
  ({
    conversationId: 'c',
    kind: 'group',
    entries,
    ...(memberIds && { memberIds }),
  }) as unknown as StoredConversation
const pushed = (of: StoredConversation, members: string[] = []) =>
  candidates(of, new Set(members as UserId[]), now).map(({ message, userIds }) => [message.seq, ...userIds])

describe('who may be pushed', () => {
  it('everyone in a small conversation but the sender', () =>
    assert.deepEqual(pushed(conversation([posted(1), posted(2, { by: 'bob' })], ['ann', 'bob', 'cid'])), [
      [1, 'bob', 'cid'],
      [2, 'ann', 'cid'],
    ]))

  it('in a large one the mentioned, each once, who are members and not the sender', () => {
    const large = conversation([posted(1, { mentions: ['bob', 'bob', 'ann', 'eve'] }), posted(2)])
    assert.equal(needsMembers(large, now), true)
    assert.deepEqual(pushed(large, ['ann', 'bob', 'cid']), [[1, 'bob']])
  })

  it('nobody who is mentioned but not a member, in a small one either', () =>
    assert.deepEqual(pushed(conversation([posted(1, { mentions: ['eve'] })], ['ann', 'bob'])), [[1, 'bob']]))

  it('nobody where the sender is alone', () =>
    assert.deepEqual(pushed(conversation([posted(1)], ['ann'])), []))

  it('members are asked for only where a large conversation has mentions', () => {
    assert.equal(needsMembers(conversation([posted(1)]), now), false)
    assert.equal(needsMembers(conversation([posted(1, { mentions: ['bob'] })], ['bob']), now), false)
    assert.equal(
      needsMembers(conversation([posted(1, { mentions: ['bob'], agoMs: pushWithinMs })]), now),
      false,
    )
  })

  it('nobody of what is old, deleted or no message', () => {
    const joined = { ...posted(4), kind: 'member', userId: 'bob', change: 'added' } as unknown as Entry
    const entries = [
      posted(1, { agoMs: pushWithinMs }),
      posted(2, { agoMs: pushWithinMs - 1 }),
      posted(3, { deletedAt: at(0) }),
      joined,
    ]
    assert.deepEqual(pushed(conversation(entries, ['ann', 'bob'])), [[2, 'bob']])
  })
})

describe('what a person wants', () => {
  const { message } = posted(1, { mentions: ['bob'] }) as Extract<Entry, { kind: 'message' }>
  const cases = [
    ['all', 'bob', true],
    ['all', 'cid', true],
    ['mentions', 'bob', true],
    ['mentions', 'cid', false],
    ['none', 'bob', false],
  ] as const
  for (const [push, userId, wanted] of cases)
    it(`${push}: ${userId} is ${wanted ? '' : 'not '}told`, () =>
      assert.equal(wants({ push, preview: true }, message, userId as UserId), wanted))
})
