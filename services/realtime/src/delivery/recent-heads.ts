import type { ConversationId } from '@parley/contracts'

/**
 * The newest seq seen of conversations that have no sockets here, the least recently seen forgotten first. It closes
 * the gap between reading a head from `messages` and joining: an entry that passed in between is known by its head.
 */
export function recentHeads(most: number) {
  const heads = new Map<ConversationId, number>()
  return {
    saw(id: ConversationId, head: number): void {
      const newest = Math.max(head, heads.get(id) ?? 0)
      heads.delete(id)
      heads.set(id, newest)
      const [oldest] = heads.keys()
      if (heads.size > most && oldest !== undefined) heads.delete(oldest)
    },
    newest: (id: ConversationId): number => heads.get(id) ?? 0,
    /** The head of a conversation that is tracked from now on; 0 where nothing is known. */
    take(id: ConversationId): number {
      const head = heads.get(id) ?? 0
      heads.delete(id)
      return head
    },
  }
}
