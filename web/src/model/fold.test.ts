import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ConversationId } from '@parley/contracts'
import { fold } from './fold.ts'
import { unreadInAll, unreadOf } from './preview.ts'
import type { Happening } from './state.ts'
import {
  after,
  ann,
  attended,
  bob,
  entry,
  listed,
  loaded,
  memberLine,
  message,
  opened,
  room,
  said,
  sessionAfter,
  unsent,
} from './testing.ts'

const roomAfter = (...happenings: readonly Happening[]) => sessionAfter(...happenings).rooms.get(room)
const seqs = (...happenings: readonly Happening[]) =>
  roomAfter(...happenings)?.view.messages.map(({ seq }) => seq)

describe('what the app shows', () => {
  it('ends with the session, and says why unless one signed out', () => {
    const before = after(listed(), opened)
    assert.deepEqual(fold(before, { type: 'signed-out', reason: 'logout' }), {
      connection: { status: 'idle' },
    })
    assert.equal(fold(before, { type: 'signed-out', reason: 'refresh_expired' }).ended, 'refresh_expired')
    const again = fold(fold(before, { type: 'signed-out', reason: 'x' }), {
      type: 'signed-in',
      user: { id: bob, username: 'bob', displayName: 'Bob', createdAt: '' },
    })
    assert.equal(again.ended, undefined)
    assert.equal(again.session?.rooms.size, 0, 'nothing of the one before is left')
  })

  it('is the same object when nothing changed', () => {
    const state = after(listed({ head: 3 }), opened, loaded([message(3)]))
    assert.equal(fold(state, entry(said(3))).session?.rooms, state.session?.rooms)
    assert.equal(fold(state, { type: 'page-failed', conversationId: 'other' as ConversationId }), state)
    const signedOut = fold(state, { type: 'signed-out', reason: 'logout' })
    assert.equal(fold(signedOut, entry(said(4))), signedOut)
  })

  it('has each message once and in order, however entries, pages and acks overlap', () => {
    const inOrder = [listed(), opened, entry(said(2)), loaded([message(1), message(2)]), entry(said(3))]
    assert.deepEqual(
      seqs(...inOrder, entry(said(3)), { type: 'stored', message: message(4, ann) }),
      [1, 2, 3, 4],
    )
    assert.deepEqual(
      seqs(listed(), opened, loaded([message(3)], { fromSeq: 3, hasMore: true }), loaded([message(1)])),
      [1, 3],
    )
  })

  it('begins again after a reset', () => {
    const reset = { type: 'emptied', conversationId: room, head: 8 } as const
    const state = [listed(), opened, loaded([message(1)]), reset]
    assert.deepEqual(seqs(...state), [])
    assert.deepEqual(seqs(...state, loaded([message(9)], { fromSeq: 9 })), [9])
  })

  it('keeps who came and went apart from the messages, once', () => {
    const lines = { type: 'lines-loaded', conversationId: room, entries: [memberLine(2, ann, bob)] } as const
    const state = roomAfter(listed(), opened, entry(memberLine(2, ann, bob)), lines, entry(said(3)), lines)
    assert.deepEqual(
      state?.lines.map(({ seq }) => seq),
      [2],
    )
  })

  it('holds unsent messages until there are none', () => {
    const queued = { type: 'outbox', conversationId: room, items: [unsent('a')] } as const
    assert.equal(sessionAfter(queued).outboxes.get(room)?.length, 1)
    assert.equal(sessionAfter(queued, { ...queued, items: [] }).outboxes.has(room), false)
  })

  it('forgets a conversation that is no longer mine', () => {
    const session = sessionAfter(listed(), opened, { type: 'removed', conversationId: room })
    assert.equal(session.inbox.items.size, 0)
    assert.equal(session.rooms.size, 0)
  })

  it('keeps the newer of two presences that come out of order', () => {
    const presence = (status: 'online' | 'offline', rev: number): Happening => ({
      type: 'presence',
      presence: { userId: bob, status, lastSeenAt: null, rev },
    })
    assert.equal(
      sessionAfter(presence('offline', 2), presence('online', 1)).presence.get(bob)?.status,
      'offline',
    )
  })

  it('keeps the eight rooms that were open last', () => {
    const ids = Array.from({ length: 10 }, (_, index) => `r${index}` as ConversationId)
    const session = sessionAfter(
      ...ids.map((conversationId) => ({ type: 'opened', conversationId }) as const),
    )
    assert.deepEqual([...session.rooms.keys()], ids.slice(2))
  })

  it('counts nothing as unread that is in front of my eyes', () => {
    const open = [listed({ head: 1, readSeq: 1 }), opened, loaded([message(1)])]
    const unread = (...more: Happening[]) => unreadInAll(sessionAfter(...open, ...more))
    assert.equal(unread(entry(said(2))), 1)
    assert.equal(unread(attended(true), entry(said(2))), 0)
    const session = sessionAfter(...open, attended(true), { type: 'left' }, entry(said(2)))
    const item = session.inbox.items.get(room)
    assert.equal(item && unreadOf(item, session), 1)
  })
})
