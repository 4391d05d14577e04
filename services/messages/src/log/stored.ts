import {
  clientId,
  conversationId,
  conversationKind,
  type ErrorCode,
  errorCatalogue,
  role,
  seq,
  timestamp,
  userId,
} from '@parley/contracts'
import { defineFamily } from '@parley/kit'
import { z } from 'zod'

/**
 * What the store holds of a conversation.
 *
 * An entry carries the `clientId` of the command that it ends: a command that makes many entries is done, and a
 * repeat of it a duplicate, only when its last entry is in the log.
 */
const entryBase = z.object({ seq, at: timestamp, by: userId, clientId: clientId.optional() })
export const storedEntry = z.discriminatedUnion('kind', [
  entryBase.extend({
    kind: z.literal('message'),
    clientId,
    text: z.string(),
    replyTo: seq.optional(),
    threadOf: seq.optional(),
    mentions: z.array(userId).optional(),
  }),
  entryBase.extend({
    kind: z.literal('member'),
    userId,
    change: z.enum(['added', 'removed', 'role']),
    role: role.optional(),
  }),
  entryBase.extend({
    kind: z.literal('conversation'),
    conversation: z.object({ kind: conversationKind, title: z.string().optional() }),
    createdAt: timestamp,
    createdBy: userId,
    memberCount: z.number().int(),
  }),
])
export type StoredEntry = z.infer<typeof storedEntry>
export type StoredMessage = Extract<StoredEntry, { kind: 'message' }>

export const blockLimits = { entries: 64, bytes: 256 * 1024 } as const

/**
 * What a client id became: an entry, for ever; or a refusal, until then. One that names a time says no only to copies
 * that were submitted by then (see `refusal.ts`).
 */
export const sent = z.union([
  z.object({ seq }),
  z.object({
    refused: z.object({
      code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
    }),
    phase: z.enum(['tentative', 'final', 'withdrawn']),
    until: z.number(),
    submittedBy: timestamp.optional(),
  }),
])
export type Sent = z.infer<typeof sent>
export type RefusedRecord = Exclude<Sent, { seq: number }>

/** A command that ended without an entry: it changed nothing, or was given up. It takes its place in the log all the same. */
const settled = z.object({ by: userId, clientId, became: sent })
export type Settled = z.infer<typeof settled>

/**
 * Written once by create-if-absent, never changed. `prevNonce` is the nonce of the block before: '' for the first. Where
 * there are no entries `lastSeq` is the seq before `firstSeq`.
 */
export const block = z.object({
  firstSeq: seq,
  lastSeq: z.number().int().min(0),
  messageCount: z.number().int(),
  nonce: z.string(),
  prevNonce: z.string(),
  entries: z.array(storedEntry).max(blockLimits.entries),
  settled: z.array(settled).max(blockLimits.entries).optional(),
})
export type Block = z.infer<typeof block>

/** How many seqs a page covers: page k holds the messages of [64k + 1, 64k + 64]. */
export const pageSpan = 64
export const pageOf = (seq: number): number => Math.floor((seq - 1) / pageSpan)

/** `firstBlock` is the block that holds the page's first seq; `countBefore` the counted messages before that seq. */
export const page = z.object({
  firstBlock: z.number().int(),
  countBefore: z.number().int(),
  messages: z.array(storedEntry),
})
export type Page = z.infer<typeof page>

/** role, joined at, joined seq, is a member now, [seq, count] of the last post, seqs of the newest mentions. */
const memberTuple = z.tuple([role, timestamp, seq, z.boolean(), z.number(), z.number(), z.array(z.number())])

/** The fold over blocks 1…`projected`, and the page that is not full yet. */
export const state = z.object({
  projected: z.number().int(),
  nonce: z.string(),
  fold: z.object({
    seq: z.number().int(),
    at: z.string(),
    count: z.number().int(),
    lastMessage: storedEntry.nullable(),
    kind: conversationKind.optional(),
    title: z.string().optional(),
    createdAt: timestamp.optional(),
    createdBy: userId.optional(),
    members: z.record(userId, memberTuple),
  }),
  page,
})
export type State = z.infer<typeof state>

/** By person: which conversations. Removals stay as markers, so that a late addition cannot undo them. */
export const inbox = z.object({
  conversations: z.record(conversationId, z.object({ seq: z.number().int(), joined: z.boolean() })),
})
/** By person: how far they have read; `count` is the number of counted messages up to `readSeq`. */
export const reads = z.object({
  conversations: z.record(conversationId, z.object({ readSeq: z.number().int(), count: z.number().int() })),
})

export const families = {
  log: defineFamily({ prefix: 'log', mode: 'log', schema: block, expires: false }),
  state: defineFamily({ prefix: 'state', mode: 'versioned', schema: state, expires: false }),
  page: defineFamily({ prefix: 'page', mode: 'versioned', schema: page, expires: false }),
  sent: defineFamily({ prefix: 'sent', mode: 'versioned', schema: sent, expires: false }),
  inbox: defineFamily({ prefix: 'inbox', mode: 'versioned', schema: inbox, expires: false }),
  read: defineFamily({ prefix: 'read', mode: 'versioned', schema: reads, expires: false }),
} as const

export const keys = {
  log: (conversation: string, n: number): string => `${conversation}:${n}`,
  page: (conversation: string, k: number): string => `${conversation}:${k}`,
  sent: (conversation: string, sender: string, client: string): string =>
    `${conversation}:${sender}:${encodeURIComponent(client)}`,
} as const

/** The name of a command within its conversation, as a key in memory. */
export const commandKey = (sender: string, client: string): string => `${sender}:${client}`
