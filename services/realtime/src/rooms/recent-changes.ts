import type { ConversationId, Entry, UserId } from '@parley/contracts'

export interface MembershipChange {
  readonly seq: number
  readonly member: boolean
}

/**
 * Who was added or removed of late, on any node. A person's list of conversations is a projection that is written after
 * the entry was announced: who connects in between reads an old list and would miss, or keep, a conversation.
 */
export function recentChanges(mostUsers: number) {
  const users = new Map<UserId, Map<ConversationId, MembershipChange>>()
  return {
    saw(conversationId: ConversationId, entry: Entry): void {
      if (entry.kind !== 'member' || entry.change === 'role') return
      const changes = users.get(entry.userId) ?? new Map<ConversationId, MembershipChange>()
      if (entry.seq > (changes.get(conversationId)?.seq ?? 0)) {
        changes.set(conversationId, { seq: entry.seq, member: entry.change === 'added' })
      }
      users.delete(entry.userId)
      users.set(entry.userId, changes)
      const [oldest] = users.keys()
      if (users.size > mostUsers && oldest !== undefined) users.delete(oldest)
    },
    of: (userId: UserId): ReadonlyMap<ConversationId, MembershipChange> => users.get(userId) ?? new Map(),
  }
}
