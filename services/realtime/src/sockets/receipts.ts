import { type ConversationId, limits, type UserId } from '@parley/contracts'
import type { Clock } from '@parley/kit'

/** Tells small conversations who has read how far: the newest of each person, a few times a second at most. */
export interface Receipts {
  read(conversationId: ConversationId, userId: UserId, seq: number): void
  /** What `message.stored` says: the members, left out where they are too many. */
  saw(conversationId: ConversationId, memberIds: readonly UserId[] | undefined): void
  close(): void
}

const flushMs = 250
const rememberedConversations = 10_000

export function createReceipts(deps: {
  clock: Clock
  memberCount: (id: ConversationId) => Promise<number>
  /** Who is invisible reads in secret. */
  isHidden: (userId: UserId) => Promise<boolean>
  emit: (receipt: {
    conversationId: ConversationId
    userId: UserId
    deliveredSeq: number
    readSeq: number
  }) => void
}): Receipts {
  const small = new Map<ConversationId, boolean>()
  const due = new Map<ConversationId, Map<UserId, number>>()
  let timer: { cancel(): void } | undefined

  function remember(id: ConversationId, isSmall: boolean): boolean {
    small.delete(id)
    small.set(id, isSmall)
    const [oldest] = small.keys()
    if (small.size > rememberedConversations && oldest !== undefined) small.delete(oldest)
    return isSmall
  }

  async function tell(conversationId: ConversationId, readers: ReadonlyMap<UserId, number>): Promise<void> {
    const isSmall =
      small.get(conversationId) ??
      remember(conversationId, (await deps.memberCount(conversationId)) <= limits.pushMembers)
    if (!isSmall) return
    for (const [userId, readSeq] of readers)
      deps.emit({ conversationId, userId, deliveredSeq: readSeq, readSeq })
  }

  function note(conversationId: ConversationId, userId: UserId, seq: number): void {
    const readers = due.get(conversationId) ?? new Map<UserId, number>()
    due.set(conversationId, readers.set(userId, Math.max(seq, readers.get(userId) ?? 0)))
    timer ??= deps.clock.setTimeout(flush, flushMs)
  }

  function flush(): void {
    timer = undefined
    for (const [conversationId, readers] of due) {
      // Only a courtesy: where the size cannot be learned now, the next receipt tells more anyway.
      tell(conversationId, readers).catch(() => {})
    }
    due.clear()
  }

  return {
    read(conversationId, userId, seq) {
      void deps.isHidden(userId).then((hidden) => hidden || note(conversationId, userId, seq))
    },
    saw(conversationId, memberIds) {
      remember(conversationId, memberIds !== undefined && memberIds.length <= limits.pushMembers)
    },
    close: () => timer?.cancel(),
  }
}
