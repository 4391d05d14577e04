import type { Conversation, ConversationId, Entry, Message } from '@parley/contracts'
import { activeMemberIds, type Fold } from './log/fold.ts'
import type { StoredEntry, StoredMessage } from './log/stored.ts'

/** Up to how many members a conversation names them where it is shown. */
export const membersNamed = 100

export function toMessage(conversationId: ConversationId, stored: StoredMessage): Message {
  return {
    conversationId,
    seq: stored.seq,
    rev: stored.seq,
    id: `${conversationId}.${stored.seq}`,
    senderId: stored.by,
    clientId: stored.clientId,
    text: stored.text,
    createdAt: stored.at,
    ...(stored.replyTo === undefined ? {} : { replyTo: stored.replyTo }),
    ...(stored.threadOf === undefined ? {} : { threadOf: stored.threadOf }),
    mentions: stored.mentions ?? [],
    reactions: [],
  }
}

export function toEntry(conversationId: ConversationId, stored: StoredEntry): Entry {
  const base = { conversationId, seq: stored.seq, at: stored.at, by: stored.by }
  switch (stored.kind) {
    case 'message':
      return { ...base, kind: 'message', message: toMessage(conversationId, stored) }
    case 'member': {
      const { userId, change, role } = stored
      return { ...base, kind: 'member', userId, change, ...(role === undefined ? {} : { role }) }
    }
    case 'conversation': {
      const { createdAt, createdBy, memberCount } = stored
      const conversation: Conversation = {
        id: conversationId,
        ...stored.conversation,
        createdAt,
        createdBy,
        memberCount,
      }
      return { ...base, kind: 'conversation', conversation }
    }
  }
}

/** The conversation as it is shown; undefined before its first entry. */
export function toConversation(id: ConversationId, fold: Fold): Conversation | undefined {
  const { kind, title, createdAt, createdBy, memberCount } = fold
  if (kind === undefined || createdAt === undefined || createdBy === undefined) return undefined
  return {
    id,
    kind,
    ...(title === undefined ? {} : { title }),
    createdAt,
    createdBy,
    memberCount,
    ...(memberCount <= membersNamed ? { memberIds: activeMemberIds(fold) } : {}),
  }
}
