import {
  conversationChanged,
  type MessageRejected,
  type MessageStored,
  messageRejected,
  messageStored,
  presenceChanged,
  sessionRevoked,
} from '@parley/contracts'
import type { z } from 'zod'

/**
 * What every node must hear. The broker brings each event to one node of the app only, so that node tells the others.
 * On the way events may get lost: what is in a log is repaired by `seq` and heads, the rest is repeated or momentary.
 */
export type ClusterEvent =
  | { readonly topic: 'message.stored'; readonly data: MessageStored }
  | { readonly topic: 'message.rejected'; readonly data: MessageRejected }
  | { readonly topic: 'conversation.changed'; readonly data: z.output<typeof conversationChanged.data> }
  | { readonly topic: 'presence.changed'; readonly data: z.output<typeof presenceChanged.data> }
  | { readonly topic: 'session.revoked'; readonly data: z.output<typeof sessionRevoked.data> }

export const clusterContracts = {
  'message.stored': messageStored,
  'message.rejected': messageRejected,
  'conversation.changed': conversationChanged,
  'presence.changed': presenceChanged,
  'session.revoked': sessionRevoked,
} as const

export interface Cluster {
  /** Hands the event to every node, this one first and at once. */
  broadcast(event: ClusterEvent): void
}

/** The only node. */
export const singleNode = (handle: (event: ClusterEvent) => void): Cluster => ({ broadcast: handle })
