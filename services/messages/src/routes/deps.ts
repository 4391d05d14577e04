import type { Command, ConversationId, UserId } from '@parley/contracts'
import { limits } from '@parley/contracts'
import { type Clock, newId, type Sidecar } from '@parley/kit'
import type { RateLimiterAbstract } from 'rate-limiter-flexible'
import type { Commands } from '../commands.ts'
import type { Conversations } from '../conversations.ts'
import type { DeadLetters } from '../dead-letters.ts'
import { toEntry } from '../entries.ts'
import type { ConversationLog } from '../log/index.ts'
import type { View } from '../log/view.ts'
import type { People } from '../people.ts'

export interface RouteDeps {
  readonly log: ConversationLog
  readonly conversations: Conversations
  readonly commands: Commands
  readonly people: People
  readonly deadLetters: DeadLetters
  readonly sidecar: Pick<Sidecar, 'invoke' | 'publish'>
  readonly clock: Clock
  /** Undefined where rates are lifted. */
  readonly sendRate: RateLimiterAbstract | undefined
}

export type Specific<C> = C extends Command ? Omit<C, 'senderId' | 'clientId' | 'submittedAt'> : never

export const commandOf = (
  { clock }: RouteDeps,
  senderId: UserId,
  clientId: string | undefined,
  specific: Specific<Command>,
): Command =>
  ({
    ...specific,
    senderId,
    clientId: clientId ?? newId(),
    submittedAt: new Date(clock.now()).toISOString(),
  }) as Command

export async function entriesOf({ log }: RouteDeps, view: View, after: number, limit: number) {
  const id = view.id as ConversationId
  const head = view.fold.seq
  const stored = await log.history.entries(view, after, limit, limits.pageBytes)
  const items = stored.map((entry) => toEntry(id, entry))
  return { items, head, hasMore: (items.at(-1)?.seq ?? head) < head }
}
