import type { ConversationId } from '@parley/contracts'

const prefix = 'parley.draft.'

/** What is written and not sent, per conversation: kept for this tab, over a reload. */
export const drafts = {
  get: (id: ConversationId): string => sessionStorage.getItem(prefix + id) ?? '',
  set(id: ConversationId, text: string): void {
    try {
      if (text === '') sessionStorage.removeItem(prefix + id)
      else sessionStorage.setItem(prefix + id, text)
    } catch {
      // The browser keeps nothing for us: then it lives as long as the conversation is open.
    }
  },
  clear(): void {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(prefix)) sessionStorage.removeItem(key)
    }
  },
}
