import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ConversationId, limits, type UserId } from '@parley/contracts'
import { daprDocumentStore } from '@parley/kit'
import { applyEntry } from './fold.ts'
import { families, pageSpan, type StoredEntry } from './stored.ts'
import { snapshot, viewFrom } from './view.ts'

const requestBytes = 4 * 1024 * 1024
const at = '2026-01-01T00:00:00.000Z'
const users = Array.from(
  { length: limits.conversationMembers },
  (_, i) => `usr_${String(i).padStart(20, '0')}` as UserId,
)

it('the largest state fits into one request to the sidecar', async () => {
  const view = viewFrom('c_0000000000000000000000' as ConversationId)
  const [by] = users as [UserId]
  const add = (entry: StoredEntry) => {
    applyEntry(view.fold, entry)
    if (entry.kind === 'message') view.page.messages.push(entry)
  }
  // The longest seqs that a conversation will see.
  view.fold.seq = 9_000_000
  for (const userId of users)
    add({ kind: 'member', seq: view.fold.seq + 1, at, by, userId, change: 'added', role: 'member' })
  for (let round = 0; round < 101; round++)
    for (let from = 0; from < users.length; from += limits.mentions) {
      if (view.page.messages.length === pageSpan) view.page.messages.length = 0
      const mentions = users.slice(from, from + limits.mentions)
      const text = '\u4e16'.repeat(limits.textCharacters)
      add({ kind: 'message', seq: view.fold.seq + 1, at, by, clientId: 'c'.repeat(64), text, mentions })
    }
  while (view.page.messages.length < pageSpan) view.page.messages.push(...view.page.messages.slice(0, 1))

  let sent = 0
  const store = daprDocumentStore({
    component: 'messages-store',
    sidecar: {
      state: {
        getBulk: async () => new Map(),
        save: async (_store, items) => {
          sent = Buffer.byteLength(JSON.stringify(items))
          return { outcome: 'saved' }
        },
        delete: async () => {},
      },
    },
  })
  await store.create(families.state, view.id, snapshot(view).state)
  assert.ok(sent > requestBytes / 2, `a state of ${sent} bytes is not the largest`)
  assert.ok(sent < requestBytes, `${sent} bytes`)
})
