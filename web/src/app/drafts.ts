import type { ConversationId } from '@parley/contracts'
import { ofThisTab } from './storage.ts'

const prefix = 'parley.draft.'

/** What is written and not sent, per conversation: kept for this tab, over a reload. */
export const drafts = {
  get: (id: ConversationId): string => ofThisTab.get(prefix + id) ?? '',
  set(id: ConversationId, text: string): void {
    if (text === '') ofThisTab.remove(prefix + id)
    else ofThisTab.set(prefix + id, text)
  },
  clear(): void {
    for (const key of ofThisTab.keys(prefix)) ofThisTab.remove(key)
  },
}
