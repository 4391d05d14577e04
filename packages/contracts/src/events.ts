import { z } from 'zod'
import { conversationKind, draft, entry, member, presence, publicUser, title } from './entities.ts'
import { clientId, conversationId, cursor, sessionId, timestamp, userId } from './ids.ts'
import { laneCount } from './limits.ts'

/** The apps of the system: Dapr app ids, and the names that `dapr.yaml` and the manifests use. */
export const appIds = ['gateway', 'auth', 'realtime', 'messages', 'presence', 'notifications'] as const
export type AppId = (typeof appIds)[number]
/** Those behind the gateway, which has no app port. */
export const serviceIds = appIds.filter((app) => app !== 'gateway')

/** The names of the Dapr components: the same in every profile. */
export const componentNames = {
  pubsub: 'pubsub',
  secrets: 'secrets',
  /** Output bindings, which a profile may have or not. */
  bindings: { sns: 'push-sns' },
  stores: {
    auth: 'auth-store',
    messages: 'messages-store',
    presence: 'presence-store',
    notifications: 'notifications-store',
  },
} as const

export interface EventContract<Schema extends z.ZodType = z.ZodType> {
  readonly topic: string
  readonly summary: string
  readonly publishers: readonly AppId[]
  readonly subscribers: readonly AppId[]
  readonly data: Schema
  /** When what it tells happened, where it says so: of several things the first. */
  happenedAt?(data: z.output<Schema>): string | undefined
}

function defineEvent<Schema extends z.ZodType>(event: EventContract<Schema>): EventContract<Schema> {
  return event
}

/**
 * A change that someone asks for in a conversation. `(conversation, sender, clientId)` names it for ever: however
 * often it is submitted, it has one outcome.
 */
const commandBase = z.object({ senderId: userId, clientId, submittedAt: timestamp })
export const command = z.discriminatedUnion('kind', [
  commandBase.extend({ kind: z.literal('message'), ...draft.shape }),
  commandBase.extend({
    kind: z.literal('create'),
    conversation: z.object({ kind: conversationKind, title: title.optional() }),
    memberIds: z.array(userId),
  }),
  commandBase.extend({ kind: z.literal('rename'), title }),
  commandBase.extend({
    kind: z.literal('add-members'),
    userIds: z.array(userId).min(1),
    role: member.shape.role.optional(),
  }),
  commandBase.extend({ kind: z.literal('set-role'), userId, role: member.shape.role }),
  commandBase.extend({ kind: z.literal('remove-member'), userId }),
])
export type Command = z.infer<typeof command>

export const messageSubmitted = defineEvent({
  topic: 'message.submitted',
  summary:
    'Commands, in the order in which each sender gave them: of one lane where the broker has partitions, of any where not. Published until an outcome is seen, so a command comes once or more.',
  publishers: ['realtime', 'messages'],
  subscribers: ['messages'],
  data: z.object({
    lane: z
      .number()
      .int()
      .min(0)
      .max(laneCount - 1),
    conversations: z.array(z.object({ conversationId, commands: z.array(command).min(1) })).min(1),
  }),
  happenedAt: ({ conversations }) => conversations[0]?.commands[0]?.submittedAt,
})

export const messageStored = defineEvent({
  topic: 'message.stored',
  summary:
    'Entries that are durable in the log, per conversation in seq order. Comes once or more, in any order: seq tells.',
  publishers: ['messages'],
  subscribers: ['realtime', 'notifications'],
  data: z.object({
    conversations: z
      .array(
        z.object({
          conversationId,
          kind: conversationKind,
          title: z.string().optional(),
          entries: z.array(entry).min(1),
          /** Who are members after the last entry; left out where they are more than 100. */
          memberIds: z.array(userId).optional(),
          /** When the oldest send in it was taken. */
          submittedAt: timestamp.optional(),
        }),
      )
      .min(1),
  }),
  happenedAt: ({ conversations }) => conversations[0]?.entries[0]?.at,
})

export const messageRejected = defineEvent({
  topic: 'message.rejected',
  summary: 'Commands that were refused for good. The same command is never stored later.',
  publishers: ['messages'],
  subscribers: ['realtime'],
  data: z.object({
    items: z
      .array(
        z.object({
          conversationId,
          senderId: userId,
          clientId,
          error: z.object({ code: z.string(), message: z.string() }),
        }),
      )
      .min(1),
  }),
})

export const conversationChanged = defineEvent({
  topic: 'conversation.changed',
  summary:
    'The heads of recently changed conversations, every 5 s: shows a lost last message as a gap. And read markers that were moved over HTTP, at once.',
  publishers: ['messages'],
  subscribers: ['realtime'],
  data: z.object({
    heads: z.record(conversationId, cursor),
    reads: z
      .array(
        z.object({
          userId,
          conversationId,
          readSeq: cursor,
          unread: z.number().int(),
          mentions: z.number().int(),
        }),
      )
      .optional(),
  }),
})

/**
 * Order of what one node tells: `(epoch, counter)`. The epoch is new at each start of the node, the counter grows by
 * one per event, so that late and doubled events do no harm.
 */
export const nodeClock = z.object({
  node: z.string().min(1).max(64),
  epoch: z.number().int(),
  counter: z.number().int(),
  at: timestamp,
})

export const presenceConnected = defineEvent({
  topic: 'presence.connected',
  summary: 'A device of a person is connected to a node.',
  publishers: ['realtime'],
  subscribers: ['presence'],
  data: nodeClock.extend({ userId, sessionId, socketId: z.string() }),
  happenedAt: ({ at }) => at,
})

export const presenceDisconnected = defineEvent({
  topic: 'presence.disconnected',
  summary: 'A device of a person is no longer connected to a node.',
  publishers: ['realtime'],
  subscribers: ['presence'],
  data: nodeClock.extend({ userId, sessionId, socketId: z.string() }),
  happenedAt: ({ at }) => at,
})

export const presenceHeartbeat = defineEvent({
  topic: 'presence.heartbeat',
  summary: 'A node lives; its lease holds for 15 s. `closing` ends it at once.',
  publishers: ['realtime'],
  subscribers: ['presence'],
  data: nodeClock.extend({ closing: z.boolean() }),
  happenedAt: ({ at }) => at,
})

export const presenceChanged = defineEvent({
  topic: 'presence.changed',
  summary: 'People came, went or changed their status.',
  publishers: ['presence'],
  subscribers: ['realtime'],
  data: z.object({
    items: z.array(presence).min(1),
    /** Those of them who have chosen to be invisible, which nobody but `realtime` may know. */
    hidden: z.array(userId).optional(),
  }),
})

export const userRegistered = defineEvent({
  topic: 'user.registered',
  summary: 'A user has registered.',
  publishers: ['auth'],
  subscribers: [],
  data: z.object({ user: publicUser }),
})

export const userUpdated = defineEvent({
  topic: 'user.updated',
  summary: 'A user has changed their profile.',
  publishers: ['auth'],
  subscribers: [],
  data: z.object({ user: publicUser }),
})

export const sessionRevoked = defineEvent({
  topic: 'session.revoked',
  summary: 'Sessions were ended: their sockets are closed.',
  publishers: ['auth'],
  subscribers: ['realtime'],
  data: z.object({ userId, sessionIds: z.array(sessionId).min(1), reason: z.string() }),
})

export const events = [
  messageSubmitted,
  messageStored,
  messageRejected,
  conversationChanged,
  presenceConnected,
  presenceDisconnected,
  presenceHeartbeat,
  presenceChanged,
  userRegistered,
  userUpdated,
  sessionRevoked,
] as const

/** Where the events go that a subscriber refused or could not handle in time. `messages` keeps them. */
export const deadLetterTopic = (app: AppId): string => `dead-letter.${app}`

/** What an app sets aside by itself, as the data of a dead letter: it knows the reason, and where the event was to go. */
export const setAside = z.object({ reason: z.string(), topic: z.string(), data: z.unknown() })
export type SetAside = z.infer<typeof setAside>

export type MessageSubmitted = z.infer<typeof messageSubmitted.data>
export type MessageStored = z.infer<typeof messageStored.data>
export type MessageRejected = z.infer<typeof messageRejected.data>
