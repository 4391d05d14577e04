import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ConversationId, UserId } from '@parley/contracts'
import {
  ChatError,
  createLogger,
  type DocumentStore,
  memoryDocumentStore,
  newId,
  systemClock,
} from '@parley/kit'
import { createConversationLog } from './index.ts'
import { families } from './stored.ts'

it('a conversation that cannot be projected does not keep the others in memory', async () => {
  const memory = memoryDocumentStore()
  const store: DocumentStore = {
    ...memory,
    async create(family, key, value, options) {
      if (family.prefix === families.state.prefix && key === 'g_large') throw new ChatError('internal')
      return memory.create(family, key, value, options)
    },
  }
  const log = createConversationLog({
    store,
    clock: systemClock,
    logger: createLogger('messages', 'silent'),
    newNonce: newId,
    writeInboxes: async () => {},
    maxViews: 0,
  })
  for (const id of ['g_large', 'g_one', 'g_two'])
    await log.writer.submit(id as ConversationId, {
      senderId: 'ann' as UserId,
      clientId: 'create',
      submittedAt: new Date().toISOString(),
      kind: 'create',
      conversation: { kind: 'group' },
      memberIds: [],
    })
  await log.trimMemory()
  assert.deepEqual(
    log.views.overflow().map(({ id }) => id),
    ['g_large'],
  )
})
