import {
  type ConversationId,
  internalConversation,
  internalEntries,
  internalMemberships,
  internalRead,
  internalSync,
  internalVisibility,
  internalWatch,
  type SyncRequest,
  type UserId,
  validateSession,
} from '@parley/contracts'
import { ChatError, type Sidecar } from '@parley/kit'

/** What this service asks of the others, over service invocation. Every call throws ChatError and has a time-out. */
export type Backend = ReturnType<typeof createBackend>

const handshakeTimeoutMs = 3_000

export function createBackend(sidecar: Pick<Sidecar, 'invoke'>) {
  return {
    validate: (token: string) =>
      sidecar.invoke(validateSession, { body: { token } }, { timeoutMs: handshakeTimeoutMs }),

    async memberships(userId: UserId) {
      const { items } = await sidecar.invoke(internalMemberships, { body: { userId } })
      return items
    },

    entries: (conversationId: ConversationId, after: number, limit: number) =>
      sidecar.invoke(internalEntries, { body: { conversationId, after, limit } }),

    async conversation(conversationId: ConversationId) {
      try {
        return await sidecar.invoke(internalConversation, { body: { conversationId } })
      } catch (error) {
        if (error instanceof ChatError && error.code === 'conversation_not_found') return 'gone' as const
        throw error
      }
    },

    sync: (userId: UserId, request: SyncRequest) =>
      sidecar.invoke(internalSync, { body: { ...request, userId } }),

    read: (userId: UserId, conversationId: ConversationId, seq: number) =>
      sidecar.invoke(internalRead, { body: { userId, conversationId, seq } }),

    visibility: (userId: UserId) => sidecar.invoke(internalVisibility, { body: { userId } }),

    async watch(userId: UserId, userIds: readonly UserId[]) {
      const { items } = await sidecar.invoke(internalWatch, { body: { userId, userIds: [...userIds] } })
      return items
    },
  }
}
