import { z } from 'zod'
import { conversation, draft, entry, message, presence } from './entities.ts'
import type { ErrorCode } from './errors.ts'
import { conversationId, cursor, seq, sessionId, timestamp, userId } from './ids.ts'
import { limits } from './limits.ts'

export const ackError = z.object({
  code: z.string(),
  message: z.string(),
  retryAfterMs: z.number().int().optional(),
})
export type AckError = z.infer<typeof ackError>
/** The acknowledgement of a client event: `{ok: true, …}` or `{ok: false, error}`. */
export type Ack<T> = ({ ok: true } & T) | { ok: false; error: AckError }

export interface ClientEventContract<
  P extends z.ZodType = z.ZodType,
  A extends z.ZodType | null = z.ZodType | null,
> {
  readonly summary: string
  readonly payload: P
  /** What a positive acknowledgement holds beside `ok: true`; null where the event takes none. */
  readonly ack: A
}
const clientEvent = <P extends z.ZodType, A extends z.ZodType | null>(
  event: ClientEventContract<P, A>,
): ClientEventContract<P, A> => event

export const syncedConversation = z.object({
  id: conversationId,
  head: cursor,
  unread: z.number().int(),
  mentions: z.number().int(),
  readSeq: cursor,
  reset: z.literal(true).optional(),
})
export const syncRequest = z.object({
  cursors: z
    .record(conversationId, cursor)
    .refine(
      (value) => Object.keys(value).length <= limits.syncCursors,
      `must name at most ${limits.syncCursors}`,
    ),
  cursor: z.string().max(256).optional(),
})
export const syncAnswer = z.object({
  conversations: z.array(syncedConversation),
  gone: z.array(conversationId),
  cursor: z.string().optional(),
})
export const readAnswer = z.object({ unread: z.number().int() })

/** Client → server. */
export const clientEvents = {
  'message:send': clientEvent({
    summary: 'Post a message; acknowledged once it is durable.',
    payload: draft.extend({ conversationId }),
    ack: z.object({ message }),
  }),
  'conversation:read': clientEvent({
    summary: 'I have read up to this seq. Never moves back.',
    payload: z.object({ conversationId, seq }),
    ack: readAnswer,
  }),
  sync: clientEvent({
    summary: 'Where do my conversations stand? Latest first, paged, also those that were not named.',
    payload: syncRequest,
    ack: syncAnswer,
  }),
  'presence:watch': clientEvent({
    summary: 'Replaces the set of people that this socket watches.',
    payload: z.object({ userIds: z.array(userId).max(limits.watchedUsers) }),
    ack: z.object({ items: z.array(presence) }),
  }),
  'typing:start': clientEvent({ summary: 'I am typing.', payload: z.object({ conversationId }), ack: null }),
  'typing:stop': clientEvent({
    summary: 'I am no longer typing.',
    payload: z.object({ conversationId }),
    ack: null,
  }),
} as const

/** Server → client. */
export const serverEvents = {
  ready: z.object({ userId, sessionId, node: z.string(), serverTime: timestamp }),
  entry,
  heads: z.record(conversationId, cursor),
  receipt: z.object({ conversationId, userId, deliveredSeq: cursor, readSeq: cursor }),
  read: z.object({ conversationId, readSeq: cursor, unread: z.number().int(), mentions: z.number().int() }),
  typing: z.object({ conversationId, userId, active: z.boolean() }),
  presence,
  'conversation:added': z.object({ conversation }),
  'conversation:removed': z.object({ conversationId }),
  draining: z.object({ retryAfterMs: z.number().int() }),
  'session:revoked': z.object({ reason: z.string() }),
} as const

export const serverEventSummaries: Record<keyof typeof serverEvents, string> = {
  ready: 'Right after the handshake.',
  entry: 'To every socket of every member, in seq order per conversation; a gap means: fetch the entries.',
  heads: 'The heads of recently changed conversations, by conversation id.',
  receipt: 'How far another member has received and read, coalesced; at most 100 members.',
  read: 'To my own other devices: I have read this.',
  typing: 'Someone is typing, or no longer.',
  presence: 'Someone whom this socket watches came, went or changed their status.',
  'conversation:added': 'I was added to a conversation.',
  'conversation:removed': 'I was removed from a conversation.',
  draining: 'This node goes down: come back after this time, with jitter.',
  'session:revoked': 'The session was ended; the server disconnects.',
}

/** The handshake: `auth: {token}`. A token in the query string is refused. */
export const handshake = z.object({ token: z.string().min(1).max(8192) })
/** What a refused handshake gives as `data.code` of `connect_error`. After `unavailable` the same may succeed later. */
export const handshakeErrors = [
  'token_missing',
  'token_invalid',
  'token_expired',
  'session_revoked',
  'origin_refused',
  'unavailable',
  'internal',
] as const satisfies readonly ErrorCode[]

export type ClientEventName = keyof typeof clientEvents
export type ServerEventName = keyof typeof serverEvents
export type ClientPayload<E extends ClientEventName> = z.input<(typeof clientEvents)[E]['payload']>
export type AckOf<E extends ClientEventName> = (typeof clientEvents)[E]['ack'] extends z.ZodType
  ? Ack<z.output<(typeof clientEvents)[E]['ack'] & z.ZodType>>
  : never
export type ServerPayload<E extends ServerEventName> = z.output<(typeof serverEvents)[E]>

/** The maps for `Server<ClientToServer, ServerToClient>` and `Socket<ServerToClient, ClientToServer>`. */
export type ClientToServer = {
  [E in ClientEventName]: (typeof clientEvents)[E]['ack'] extends z.ZodType
    ? (payload: ClientPayload<E>, ack: (answer: AckOf<E>) => void) => void
    : (payload: ClientPayload<E>) => void
}
export type ServerToClient = { [E in ServerEventName]: (payload: ServerPayload<E>) => void }

export type SyncRequest = z.infer<typeof syncRequest>
export type SyncAnswer = z.infer<typeof syncAnswer>
export type SyncedConversation = z.infer<typeof syncedConversation>
