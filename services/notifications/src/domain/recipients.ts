import type { Entry, Message, MessageStored, preferences, UserId } from '@parley/contracts'
import type { z } from 'zod'

export type Preferences = z.infer<typeof preferences>
export type StoredConversation = MessageStored['conversations'][number]

/** How long a message is worth a push: older ones come from an outage or a replay, and nobody is told of them. */
export const pushWithinMs = 24 * 60 * 60_000

/** A message, and to whom it may be pushed. */
export interface Candidate {
  readonly conversation: StoredConversation
  readonly message: Message
  readonly userIds: readonly UserId[]
}

/** Whether the members must be asked for: a large conversation pushes only to mentioned ones, who may not be members. */
export const needsMembers = (conversation: StoredConversation, now: number): boolean =>
  conversation.memberIds === undefined &&
  conversation.entries.some((entry) => isNews(entry, now) && entry.message.mentions.length > 0)

/** Everyone in a small conversation, the mentioned members of a large one; never the sender. */
export function candidates(
  conversation: StoredConversation,
  members: ReadonlySet<UserId>,
  now: number,
): Candidate[] {
  return conversation.entries.flatMap((entry): Candidate[] => {
    if (!isNews(entry, now)) return []
    const { message } = entry
    const pool = conversation.memberIds ?? message.mentions.filter((userId) => members.has(userId))
    const userIds = [...new Set(pool)].filter((userId) => userId !== message.senderId)
    return userIds.length === 0 ? [] : [{ conversation, message, userIds }]
  })
}

export function wants({ push }: Preferences, message: Message, userId: UserId): boolean {
  switch (push) {
    case 'all':
      return true
    case 'mentions':
      return message.mentions.includes(userId)
    case 'none':
      return false
  }
}

function isNews(entry: Entry, now: number): entry is Extract<Entry, { kind: 'message' }> {
  if (entry.kind !== 'message' || entry.message.deletedAt !== undefined) return false
  return now - Date.parse(entry.message.createdAt) < pushWithinMs
}
