import type { Command, ConversationId, Entry, MessageRejected, MessageSubmitted } from '@parley/contracts'
import type { Clock } from '@parley/kit'

export type BatchOutcome =
  | { readonly stored: Entry }
  | { readonly rejected: RejectedItem['error'] }
  | { readonly failed: 'unavailable' | 'overloaded'; readonly retryAfterMs?: number }

export type RejectedItem = MessageRejected['items'][number]

export const batcherLimits = {
  /** Of one conversation in an event. */
  batchItems: 64,
  /** Of one event, encoded. */
  eventBytes: 128 * 1024,
  /** Few, so that load makes events larger, not more (docs/adr/0014). */
  eventsInFlight: 2,
  /** After this long an event makes room for another one: what is stuck in it holds up nobody else… */
  stuckMs: 250,
  /** …as long as no more than this are out in all. */
  mostInFlight: 4,
  /** Of all conversations together; more are answered `overloaded`. */
  queuedItems: 20_000,
  outcomeMs: 2_000,
  giveUpMs: 30_000,
  strikes: 2,
  retryAfterMs: 1_000,
}
export type BatcherLimits = typeof batcherLimits

export interface BatcherDeps {
  readonly clock: Clock
  readonly publish: (event: MessageSubmitted) => Promise<void>
  /** Sets an event aside, for whoever gives its commands an outcome. Rejects where it is not certain that it did. */
  readonly deadLetter: (event: MessageSubmitted, reason: string) => Promise<void>
  readonly limits?: Partial<BatcherLimits>
  /** Where the broker keeps the events of one key together; elsewhere an event holds whatever waits. */
  readonly oneLanePerEvent?: boolean
  /** Runs a function after what has arrived already, so that one turn's sends share events. */
  readonly soon?: (fn: () => void) => void
}

export interface Batcher {
  submit(conversationId: ConversationId, command: Command): Promise<BatchOutcome>
  stored(conversationId: ConversationId, entry: Entry): void
  rejected(item: RejectedItem): void
  /** How many were accepted and are not answered yet. */
  pending(): number
  /** Events that are out. */
  inFlight(): number
  /** Answers what is pending with `unavailable` and stops. */
  close(): void
}
