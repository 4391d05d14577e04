import type { Command, ConversationId, UserId } from '@parley/contracts'
import type { Refusal } from './refusal.ts'
import { blockLimits, commandKey, type StoredEntry } from './stored.ts'
import type { View } from './view.ts'

/**
 * What became of a command. `retry`: nothing is known to be stored; the same command may be given again, by anyone.
 * `failed`: the command itself cannot be handled; nothing was stored, and there is no point in giving it again.
 * `stored.entries` are empty where the command changed nothing, or ended so long ago that only its `seq` is at hand.
 */
export type Outcome =
  | { outcome: 'stored'; seq: number; entries: readonly StoredEntry[]; repeated: boolean; view: View }
  | { outcome: 'refused'; refusal: Refusal }
  | { outcome: 'retry'; reason: string }
  | { outcome: 'failed'; reason: string }

/** The order to refuse a command for good, whatever it says, unless it is in the log already. */
export interface GiveUp {
  readonly kind: 'give-up'
  readonly senderId: UserId
  readonly clientId: string
  readonly submittedAt: string
  readonly refusal: Refusal
}

export interface Job {
  readonly command: Command | GiveUp
  readonly key: string
  /** What the command has put into the log so far, where it takes more than one block. */
  readonly written: StoredEntry[]
  /** How often an attempt failed that it was part of, and not because the store or the broker was away. */
  failures: number
  readonly resolve: (outcome: Outcome) => void
}

export const newJob = (command: Command | GiveUp, resolve: (outcome: Outcome) => void): Job => ({
  command,
  key: commandKey(command.senderId, command.clientId),
  written: [],
  failures: 0,
  resolve,
})

/** What waits, by conversation, in the order in which it was given. */
export type Queues = Map<ConversationId, Job[]>

/**
 * The jobs that one block may hold: messages, or one command that changes what the next ones may do. What has failed
 * before goes alone, so that what cannot be handled takes nothing else down.
 */
export function leading(jobs: readonly Job[]): Job[] {
  const batch: Job[] = []
  const seen = new Set<string>()
  for (const job of jobs) {
    if (job.failures > 0 || job.command.kind !== 'message') return batch.length === 0 ? [job] : batch
    if (batch.length === blockLimits.entries || seen.has(job.key)) break
    seen.add(job.key)
    batch.push(job)
  }
  return batch
}

/** After so many attempts that failed, the last of them alone, a command is what is wrong. */
const mostFailures = 2

/** An attempt failed at these jobs for no reason that passes. Answers the one that cannot be handled, if it is certain. */
export function blame(batch: readonly Job[]): Job | undefined {
  for (const job of batch) job.failures += 1
  const [first, second] = batch
  return first && !second && first.failures >= mostFailures ? first : undefined
}
