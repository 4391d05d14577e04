import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConversationId, Entry, HistoryPage, Message, UserId } from '@parley/contracts'
import { forSeeds } from './testing/random.ts'
import { applyEntry, applyPage, type ConversationView, emptyView, insert, pageRequested } from './view.ts'

const conversationId = 'c1' as ConversationId
const me = 'me' as UserId
const you = 'you' as UserId
const at = '2026-01-01T00:00:00.000Z'

const message = (seq: number, change: Partial<Message> = {}): Message => ({
  conversationId,
  seq,
  rev: seq,
  id: `m${seq}`,
  senderId: you,
  clientId: `k${seq}`,
  text: `text ${seq}`,
  createdAt: at,
  mentions: [],
  reactions: [],
  ...change,
})
const base = (seq: number) => ({ conversationId, seq, at, by: you })
const said = (seq: number): Entry => ({ ...base(seq), kind: 'message', message: message(seq) })
const edited = (seq: number, target: number): Entry => ({
  ...base(seq),
  kind: 'edit',
  target,
  message: message(target, { text: `edit ${seq}`, rev: seq, editedAt: at }),
})
const deleted = (seq: number, target: number): Entry => ({ ...base(seq), kind: 'delete', target })
const reacted = (seq: number, target: number, userId: UserId, on: boolean): Entry => ({
  ...base(seq),
  kind: 'reaction',
  target,
  emoji: '👍',
  userId,
  on,
})
const page = (items: Message[], asOf: number, more: Partial<HistoryPage> = {}): HistoryPage => ({
  items,
  fromSeq: items[0]?.seq ?? 0,
  toSeq: asOf,
  asOf,
  head: asOf,
  hasMore: false,
  ...more,
})
const loaded = (...items: Message[]) => applyPage(emptyView(conversationId, me), page(items, items.length))
const texts = (view: ConversationView) => view.messages.map(({ text }) => text)

test('new messages go to the end, doubled ones nowhere', () => {
  const view = [said(2), said(3), said(3)].reduce(applyEntry, loaded(message(1)))
  assert.deepEqual(texts(view), ['text 1', 'text 2', 'text 3'])
})

test('an acknowledgement and its entry are one message, whichever comes first', () => {
  const before = applyEntry(insert(loaded(message(1)), message(2)), said(2))
  const after = insert(applyEntry(loaded(message(1)), said(2)), message(2))
  assert.deepEqual(texts(before), ['text 1', 'text 2'])
  assert.deepEqual(before.messages, after.messages)
})

test('an old change does not undo a newer one', () => {
  const view = [edited(3, 1), edited(2, 1)].reduce(applyEntry, loaded(message(1)))
  assert.deepEqual(texts(view), ['edit 3'])
})

test('a change that the page has folded in already is not applied again', () => {
  const folded = message(1, {
    rev: 2,
    reactions: [{ emoji: '👍', count: 1, mine: false, userIds: [you] }],
  })
  const view = applyEntry(loaded(folded), reacted(2, 1, you, true))
  assert.equal(view.messages[0]?.reactions[0]?.count, 1)
})

test('reactions are counted, and mine are known', () => {
  const entries = [reacted(2, 1, you, true), reacted(3, 1, me, true), reacted(4, 1, you, false)]
  const view = entries.reduce(applyEntry, loaded(message(1)))
  assert.deepEqual(view.messages[0]?.reactions, [{ emoji: '👍', count: 1, mine: true, userIds: [me] }])
  const without = applyEntry(view, reacted(5, 1, me, false))
  assert.deepEqual(without.messages[0]?.reactions, [])
})

test('a change that overtakes the page of its message is applied when the page comes', () => {
  const open = loaded(message(10))
  const view = applyEntry(pageRequested(open), edited(11, 3))
  assert.deepEqual(texts(applyPage(view, page([message(3)], 10))), ['edit 11', 'text 10'])
})

/** The log, folded by the rules of the protocol alone. */
function fold(log: readonly Entry[]): Message[] {
  const messages = new Map<number, Message>()
  for (const entry of log) {
    if (entry.kind === 'message') messages.set(entry.seq, entry.message)
    if (!('target' in entry)) continue
    const target = messages.get(entry.target)
    if (!target) continue
    const view = applyEntry({ ...emptyView(conversationId, me), messages: [target], from: 0 }, entry)
    messages.set(entry.target, view.messages[0] ?? target)
  }
  return [...messages.values()]
}

test('pages read at any time, and entries before, between and after them, end in the same messages', () => {
  forSeeds(300, (random) => {
    const pick = (below: number) => Math.floor(random() * below)
    const log: Entry[] = [said(1)]
    while (log.length < 10 + pick(30)) {
      const seq = log.length + 1
      const targets = log.filter((entry) => entry.kind === 'message')
      const target = targets[pick(targets.length)]?.seq ?? 1
      const kind = random()
      if (kind < 0.5) log.push(said(seq))
      else if (kind < 0.7) log.push(edited(seq, target))
      else if (kind < 0.8) log.push(deleted(seq, target))
      else log.push(reacted(seq, target, random() < 0.5 ? me : you, random() < 0.7))
    }
    let head = 1 + pick(log.length)
    let view = emptyView(conversationId, me)
    let underway: HistoryPage | undefined
    const read = (): HistoryPage => {
      const older = fold(log.slice(0, head)).filter(({ seq }) => view.from === undefined || seq < view.from)
      const items = older.slice(-(1 + pick(6)))
      const hasMore = items.length < older.length
      const fromSeq = hasMore ? (items[0]?.seq ?? 0) : 0
      return page(items, head, { fromSeq, hasMore })
    }
    while (head < log.length || view.from === undefined || view.hasOlder || underway) {
      if (underway && random() < 0.3) {
        view = applyPage(view, underway)
        underway = undefined
      } else if (!underway && view.hasOlder && random() < 0.5) {
        view = pageRequested(view)
        underway = read()
      } else {
        const next = log[head]
        if (next) view = applyEntry(view, next)
        head = Math.min(log.length, head + 1)
      }
    }
    assert.deepEqual(view.messages, fold(log))
  })
})
