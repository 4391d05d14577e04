import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Happening } from './state.ts'
import { ann, attended, entry, listed, loaded, message, opened, room, said, sessionAfter } from './testing.ts'

const roomAfter = (...happenings: readonly Happening[]) => sessionAfter(...happenings).rooms.get(room)

describe('the line above new messages', () => {
  const unread = listed({ head: 4, readSeq: 2, unread: 2 })
  const read = listed({ head: 2, readSeq: 2 })
  const readAll: Happening = { type: 'read', read: { conversationId: room, readSeq: 4, unread: 0 } }
  const messages = [message(1), message(2)]
  const cases: [string, Happening[], number | undefined][] = [
    ['stands after what was read', [unread, opened], 2],
    ['stays while one reads', [unread, opened, loaded([...messages, message(3)]), attended(true)], 2],
    ['is not there where nothing is new', [read, opened, loaded(messages)], undefined],
    ['is not there for what comes in sight', [read, opened, attended(true), entry(said(3))], undefined],
    [
      'comes for what comes out of sight',
      [read, opened, loaded(messages), entry(said(3)), entry(said(4))],
      2,
    ],
    ['goes when I write', [unread, opened, entry(said(5, ann))], undefined],
    ['goes when one leaves and comes back', [unread, opened, { type: 'left' }, readAll, opened], undefined],
    [
      'moves on when everything before was seen',
      [unread, opened, loaded([...messages, message(4)]), attended(true), attended(false), entry(said(5))],
      4,
    ],
    ['is not there for threads', [read, opened, entry(said(3, undefined, { threadOf: 1 }))], undefined],
  ]
  for (const [name, happenings, expected] of cases) {
    it(name, () => assert.equal(roomAfter(...happenings)?.newAfter, expected))
  }
})

describe('a room', () => {
  it('has seen what is loaded while it is attended', () => {
    assert.equal(roomAfter(listed(), opened, attended(true), loaded([message(7)]))?.seenTo, 7)
    assert.equal(roomAfter(listed(), opened, loaded([message(7)]))?.seenTo, 0)
  })

  it('keeps the last hundred messages when one leaves, and knows that there were more', () => {
    const many = Array.from({ length: 150 }, (_, index) => message(index + 1))
    const left = roomAfter(listed(), opened, loaded(many), { type: 'left' })
    assert.equal(left?.view.messages.length, 100)
    assert.equal(left?.view.from, 51)
    assert.equal(left?.view.hasOlder, true)
  })

  it('says what failed until it is tried again', () => {
    const failed: Happening = { type: 'page-failed', conversationId: room }
    const requested: Happening = { type: 'page-requested', conversationId: room }
    assert.equal(roomAfter(listed(), opened, failed)?.failed, true)
    assert.equal(roomAfter(listed(), opened, failed, requested)?.failed, false)
    assert.equal(roomAfter(listed(), opened, requested)?.view.loading, true)
  })
})
