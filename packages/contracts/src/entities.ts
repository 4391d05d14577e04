import { z } from 'zod'
import { clientId, conversationId, cursor, seq, sessionId, timestamp, userId } from './ids.ts'
import { limits } from './limits.ts'

const utf8 = new TextEncoder()

/** Message text as a client may send it. What is not well-formed Unicode is replaced by U+FFFD. */
export const text = z
  .string()
  .overwrite((value) => value.toWellFormed())
  .refine((value) => value.trim().length > 0, 'must not be empty')
  .refine(
    (value) => value.length <= limits.textCharacters,
    `must have at most ${limits.textCharacters} characters`,
  )
  .refine(
    (value) => utf8.encode(value).length <= limits.textBytes,
    `must have at most ${limits.textBytes} bytes`,
  )

export const displayName = z
  .string()
  .overwrite((value) => value.toWellFormed().trim())
  .min(1)
  .max(80)
export const title = z
  .string()
  .overwrite((value) => value.toWellFormed().trim())
  .min(1)
  .max(120)

export const publicUser = z.object({ id: userId, username: z.string(), displayName: z.string() })
export const user = publicUser.extend({ createdAt: timestamp })
export const session = z.object({
  id: sessionId,
  device: z.string(),
  createdAt: timestamp,
  lastUsedAt: timestamp,
  current: z.boolean(),
})

export const conversationKind = z.enum(['direct', 'group', 'channel'])
export const role = z.enum(['owner', 'admin', 'member'])
export const member = z.object({ userId, role, joinedAt: timestamp })

/** `memberIds` lists the members of small conversations (at most 100); `memberCount` is always right. */
export const conversation = z.object({
  id: conversationId,
  kind: conversationKind,
  title: z.string().optional(),
  createdAt: timestamp,
  createdBy: userId,
  memberCount: z.number().int(),
  memberIds: z.array(userId).optional(),
})

export const reaction = z.object({
  emoji: z.string(),
  count: z.number().int(),
  mine: z.boolean(),
  userIds: z.array(userId).max(20),
})

/** `rev` is the seq of the last entry that is folded into it: apply a later entry only if `entry.seq > rev`. */
export const message = z.object({
  conversationId,
  seq,
  rev: seq,
  id: z.string(),
  senderId: userId,
  clientId,
  text: z.string(),
  createdAt: timestamp,
  editedAt: timestamp.optional(),
  deletedAt: timestamp.optional(),
  replyTo: seq.optional(),
  threadOf: seq.optional(),
  mentions: z.array(userId),
  reactions: z.array(reaction),
})

const entryBase = z.object({ conversationId, seq, at: timestamp, by: userId })

/** One change in a conversation. The log of a conversation is its entries in `seq` order, without a gap. */
export const entry = z.discriminatedUnion('kind', [
  entryBase.extend({ kind: z.literal('message'), message }),
  entryBase.extend({ kind: z.literal('edit'), target: seq, message }),
  entryBase.extend({ kind: z.literal('delete'), target: seq }),
  entryBase.extend({ kind: z.literal('reaction'), target: seq, emoji: z.string(), userId, on: z.boolean() }),
  entryBase.extend({ kind: z.literal('pin'), target: seq, on: z.boolean() }),
  entryBase.extend({
    kind: z.literal('member'),
    userId,
    change: z.enum(['added', 'removed', 'role']),
    role: role.optional(),
  }),
  entryBase.extend({ kind: z.literal('conversation'), conversation }),
])

/** Covers all of [fromSeq, toSeq]; entries up to `asOf` are folded in. Messages have holes in their seqs. */
export const historyPage = z.object({
  items: z.array(message),
  fromSeq: cursor,
  toSeq: cursor,
  asOf: cursor,
  head: cursor,
  hasMore: z.boolean(),
})
export const entriesPage = z.object({ items: z.array(entry), head: cursor, hasMore: z.boolean() })

export const conversationSummary = z.object({
  conversation,
  head: cursor,
  unread: z.number().int(),
  mentions: z.number().int(),
  readSeq: cursor,
  lastMessage: message.nullable(),
  muted: z.boolean(),
})

export const presenceStatus = z.enum(['online', 'away', 'dnd', 'offline'])
/**
 * `lastSeenAt` is since when they show as they do: for who is offline, when they were last seen. `rev` grows with each
 * visible change of this person: of two that come out of order, keep the one with the higher.
 */
export const presence = z.object({
  userId,
  status: presenceStatus,
  lastSeenAt: timestamp.nullable(),
  text: z.string().optional(),
  rev: z.number().int().optional(),
})

/** What a client sends to post a message, over HTTP or a socket. */
export const draft = z.object({
  clientId,
  text,
  replyTo: seq.optional(),
  threadOf: seq.optional(),
  mentions: z.array(userId).max(limits.mentions).optional(),
})

export type PublicUser = z.infer<typeof publicUser>
export type User = z.infer<typeof user>
export type Session = z.infer<typeof session>
export type Conversation = z.infer<typeof conversation>
export type ConversationKind = z.infer<typeof conversationKind>
export type ConversationSummary = z.infer<typeof conversationSummary>
export type Role = z.infer<typeof role>
export type Member = z.infer<typeof member>
export type Message = z.infer<typeof message>
export type Entry = z.infer<typeof entry>
export type HistoryPage = z.infer<typeof historyPage>
export type EntriesPage = z.infer<typeof entriesPage>
export type Presence = z.infer<typeof presence>
export type PresenceStatus = z.infer<typeof presenceStatus>
export type Draft = z.infer<typeof draft>
