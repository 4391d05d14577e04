import type { Command } from '@parley/contracts'
import type { ConversationQueue, Item } from './conversation-queue.ts'
import { overheadBytes } from './lanes.ts'
import type { BatchOutcome } from './outcome.ts'

/** A send that was accepted and is not answered yet. */
export interface Pending extends Item {
  readonly queue: ConversationQueue
  readonly submittedAt: number
  readonly outcome: Promise<BatchOutcome>
  readonly resolve: (outcome: BatchOutcome) => void
}

export const keyOf = (conversationId: string, senderId: string, clientId: string) =>
  `${conversationId} ${senderId} ${clientId}`

export function pendingItem(
  key: string,
  queue: ConversationQueue,
  command: Command,
  submittedAt: number,
  mostBytes: number,
): Pending {
  let resolve: (outcome: BatchOutcome) => void = () => {}
  const outcome = new Promise<BatchOutcome>((settle) => {
    resolve = settle
  })
  return {
    key,
    queue,
    senderId: command.senderId,
    command,
    // One that is larger than an event goes all the same, in an event of its own.
    bytes: Math.min(Buffer.byteLength(JSON.stringify(command)) + 1, mostBytes - 2 * overheadBytes),
    submittedAt,
    outcome,
    resolve,
    firstFlight: undefined,
    attempts: 0,
    aloneFlight: undefined,
    strikes: 0,
    isSetAside: false,
  }
}
