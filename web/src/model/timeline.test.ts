import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Happening } from './state.ts'
import {
  ann,
  at,
  attended,
  bob,
  cem,
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
import { timeline } from './timeline.ts'

/** `day`, `new`, `2: added`, `bob 3 4`. */
function shown(happenings: readonly Happening[], outbox: Parameters<typeof timeline>[1] = []): string[] {
  const state = sessionAfter(listed({ head: 1, readSeq: 1 }), opened, ...happenings).rooms.get(room)
  assert.ok(state)
  return timeline(state, outbox).map((row) => {
    if (row.kind === 'line') return `lines ${row.entries.map(({ seq }) => seq).join(' ')}`
    if (row.kind !== 'group') return row.kind
    const items = row.items.map(({ message, clientId, status }) => message?.seq ?? `${clientId}:${status}`)
    return `${row.senderId} ${items.join(' ')}`
  })
}

describe('a timeline', () => {
  it('groups what one person says within five minutes', () => {
    const messages = [message(1, bob), message(2, bob), message(3, cem), message(4, bob), message(20, bob)]
    assert.deepEqual(shown([loaded(messages)]), ['day', 'bob 1 2', 'cem 3', 'bob 4', 'bob 20'])
  })

  it('parts days, also within a group', () => {
    const late = message(2, bob, { createdAt: at(12 * 60 + 1) })
    const before = message(1, bob, { createdAt: at(12 * 60 - 1) })
    assert.deepEqual(shown([loaded([before, late])]), ['day', 'bob 1', 'day', 'bob 2'])
  })

  it('tells who was added in one line, and not that the first member joined', () => {
    const lines = [memberLine(2, ann, ann), memberLine(3, ann, bob), memberLine(4, ann, cem)]
    const left = memberLine(6, cem, cem, 'removed')
    const told: Happening = { type: 'lines-loaded', conversationId: room, entries: [...lines, left] }
    assert.deepEqual(shown([loaded([message(1), message(5)]), told]), [
      'day',
      'bob 1',
      'lines 3 4',
      'bob 5',
      'lines 6',
    ])
  })

  it('leaves out lines above the first message that is loaded', () => {
    const told: Happening = { type: 'lines-loaded', conversationId: room, entries: [memberLine(3, ann, bob)] }
    assert.deepEqual(shown([loaded([message(5)], { fromSeq: 4, hasMore: true }), told]), ['day', 'bob 5'])
  })

  it('puts the line above the first new message of others', () => {
    const state = [loaded([message(1)]), attended(true), attended(false)]
    assert.deepEqual(shown([...state, entry(said(2, bob)), entry(said(3, bob))]), [
      'day',
      'bob 1',
      'new',
      'bob 2 3',
    ])
  })

  it('shows what is unsent at the end, and never beside its stored twin', () => {
    const outbox = [
      unsent('c2', { state: 'sent' }),
      unsent('x'),
      unsent('y', { state: 'failed', error: { code: 'forbidden', message: '' } }),
    ]
    assert.deepEqual(shown([loaded([message(1, bob)])], outbox), [
      'day',
      'bob 1',
      'ann c2:sending x:waiting y:failed',
    ])
    assert.deepEqual(
      shown([loaded([message(1, bob), message(2, ann)])], outbox).at(-1),
      'ann x:waiting y:failed',
    )
  })

  it('keeps the key of a message when it is stored', () => {
    const key = (happenings: Happening[], outbox: Parameters<typeof timeline>[1]) => {
      const state = sessionAfter(listed(), opened, ...happenings).rooms.get(room)
      const row = state && timeline(state, outbox).at(-1)
      return row?.kind === 'group' ? row.items.at(-1)?.key : undefined
    }
    assert.equal(key([], [unsent('c2')]), key([loaded([message(2, ann)])], []))
  })
})
