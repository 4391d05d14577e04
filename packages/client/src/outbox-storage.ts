import { type ConversationId, draft } from '@parley/contracts'
import { z } from 'zod'
import type { OutboxItem } from './outbox.ts'
import type { Storage } from './ports.ts'

const saved = z.object({
  conversationId: z.string().transform((id) => id as ConversationId),
  draft,
  queuedAt: z.number(),
  order: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
})

/** The unsent messages of one person, one key each: tabs that share the storage do not overwrite each other's. */
export interface OutboxStorage {
  save(owner: string, item: OutboxItem): void
  remove(owner: string, clientId: string): void
  /** In their order. What cannot be read is thrown away. */
  load(owner: string): OutboxItem[]
  clear(owner: string): void
}

export function createOutboxStorage(storage: Storage, prefix: string): OutboxStorage {
  const keyOf = (owner: string, clientId: string) => `${prefix}.${owner}.${clientId}`

  function read(key: string): OutboxItem | undefined {
    try {
      const { error, ...item } = saved.parse(JSON.parse(storage.get(key) ?? ''))
      return error
        ? { ...item, attempt: 0, state: 'failed', error }
        : { ...item, attempt: 0, state: 'waiting' }
    } catch {
      storage.remove(key)
      return undefined
    }
  }

  return {
    save(owner, { state: _, attempt: __, held: ___, ...item }) {
      storage.set(keyOf(owner, item.draft.clientId), JSON.stringify(item))
    },
    remove: (owner, clientId) => storage.remove(keyOf(owner, clientId)),
    load: (owner) =>
      storage
        .keys(keyOf(owner, ''))
        .flatMap((key) => read(key) ?? [])
        .sort((a, b) => a.order - b.order),
    clear(owner) {
      for (const key of storage.keys(keyOf(owner, ''))) storage.remove(key)
    },
  }
}
