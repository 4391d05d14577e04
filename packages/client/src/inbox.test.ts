import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConversationId, ConversationSummary, Entry, Message, UserId } from '@parley/contracts'
import {
  applyEntryToInbox,
  applyList,
  applyRead,
  applyReset,
  applySynced,
  emptyInbox,
  type Inbox,
  listed,
  listRequested,
  unreadInAll,
} from './inbox.ts'

const id = 'c1' as ConversationId
const me = 'me' as UserId
const you = 'you' as UserId
const time = (seq: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString()

const message = (seq: number, senderId = you, change: Partial<Message> = {}): Message => ({
  conversationId: id,
  seq,
  rev: seq,
  id: `m${seq}`,
  senderId,
  clientId: `k${seq}`,
  text: `text ${seq}`,
  createdAt: time(seq),
  mentions: [],
  reactions: [],
  ...change,
})
const said = (seq: number, senderId = you, change: Partial<Message> = {}): Entry => ({
  conversationId: change.conversationId ?? id,
  seq,
  at: time(seq),
  by: senderId,
  kind: 'message',
  message: message(seq, senderId, change),
})
const summary = (change: Partial<ConversationSummary> = {}): ConversationSummary => ({
  conversation: { id, kind: 'direct', createdAt: time(0), createdBy: me, memberCount: 2 },
  head: 10,
  unread: 2,
  mentions: 0,
  readSeq: 5,
  lastMessage: message(10),
  muted: false,
  ...change,
})
const start = (change: Partial<ConversationSummary> = {}): Inbox =>
  applyList(emptyInbox(me), { items: [summary(change)] }, false)
const state = (inbox: Inbox) => {
  const item = inbox.items.get(id)
  return [item?.unread, item?.mentions, item?.readSeq, item?.lastMessage?.seq]
}

const synced = (change: object) => [{ id, head: 10, unread: 0, mentions: 0, readSeq: 10, ...change }]
const table: [string, (inbox: Inbox) => Inbox, ReturnType<typeof state>][] = [
  ['theirs counts', (inbox) => applyEntryToInbox(inbox, said(11)), [3, 0, 5, 11]],
  [
    'one that mentions me',
    (inbox) => applyEntryToInbox(inbox, said(11, you, { mentions: [me] })),
    [3, 1, 5, 11],
  ],
  ['twice counts once', (inbox) => [said(11), said(11)].reduce(applyEntryToInbox, inbox), [3, 0, 5, 11]],
  ['mine moves the marker', (inbox) => applyEntryToInbox(inbox, said(11, me)), [0, 0, 11, 11]],
  [
    'a thread counts its own',
    (inbox) => applyEntryToInbox(inbox, said(11, you, { threadOf: 9 })),
    [2, 0, 5, 10],
  ],
  [
    'read here or elsewhere',
    (inbox) => applyRead(inbox, { conversationId: id, readSeq: 10, unread: 0 }),
    [0, 0, 10, 10],
  ],
  [
    'a marker never goes back',
    (inbox) => applyRead(inbox, { conversationId: id, readSeq: 4, unread: 6 }),
    [2, 0, 5, 10],
  ],
  ['read elsewhere while away', (inbox) => applySynced(inbox, synced({})), [0, 0, 10, 10]],
  [
    'a sync ahead of its entries counts them once',
    (inbox) =>
      [said(11), said(12)].reduce(applyEntryToInbox, applySynced(inbox, synced({ head: 12, unread: 2 }))),
    [2, 0, 10, 12],
  ],
  [
    'a sync that is older than what came says nothing',
    (inbox) => applySynced(inbox, synced({ head: 9 })),
    [2, 0, 5, 10],
  ],
  [
    'a log that was restored ends earlier',
    (inbox) => applySynced(applyReset(inbox, id, 9), synced({ head: 9, unread: 1, readSeq: 4 })),
    [2, 0, 5, undefined],
  ],
  ['a reset ahead of what is known changes nothing', (inbox) => applyReset(inbox, id, 11), [2, 0, 5, 10]],
  [
    'a list that was read before an entry came does not undo it',
    (inbox) => applyList(applyEntryToInbox(inbox, said(11)), { items: [summary()] }, false),
    [3, 0, 5, 11],
  ],
  [
    'nor a marker',
    (inbox) =>
      applyList(
        applyRead(inbox, { conversationId: id, readSeq: 10, unread: 0 }),
        { items: [summary()] },
        false,
      ),
    [0, 0, 10, 10],
  ],
  [
    'a deleted message still counts',
    (inbox) =>
      applyEntryToInbox(inbox, {
        conversationId: id,
        seq: 11,
        at: time(11),
        by: you,
        kind: 'delete',
        target: 10,
      }),
    [2, 0, 5, 10],
  ],
]
for (const [name, act, expected] of table) {
  test(name, () => assert.deepEqual(state(act(start())), expected))
}

test('an entry that overtakes its page of the list is counted when the page comes', () => {
  const waiting = applyEntryToInbox(listRequested(emptyInbox(me)), said(11))
  assert.deepEqual(state(applyList(waiting, { items: [summary()] }, false)), [3, 0, 5, 11])
})

test('latest first; muted conversations do not count in all', () => {
  const other = 'c2' as ConversationId
  const items = [
    summary(),
    summary({
      conversation: { ...summary().conversation, id: other },
      lastMessage: message(12),
      muted: true,
    }),
  ]
  const inbox = applyList(emptyInbox(me), { items }, false)
  assert.deepEqual(
    listed(inbox).map(({ conversation }) => conversation.id),
    [other, id],
  )
  assert.equal(unreadInAll(inbox), 2)
})
