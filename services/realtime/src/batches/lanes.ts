import type { MessageSubmitted } from '@parley/contracts'
import { type BatchLimits, type ConversationQueue, sharesEvents, take } from './conversation-queue.ts'

/** The conversations that have something to publish. */
export interface Lanes {
  add(queue: ConversationQueue): void
  delete(queue: ConversationQueue): void
  /** Fills the next event, beginning with what waits longest, and puts its conversations in flight. */
  next(): { event: MessageSubmitted; aboard: ConversationQueue[] } | undefined
}

/** Room for the names and brackets around the commands of one conversation, and around the event. */
export const overheadBytes = 128

export function createLanes(limits: BatchLimits, oneLanePerEvent: boolean): Lanes {
  /** By lane where an event is of one lane, else all together. */
  const lanes = new Map<number, Set<ConversationQueue>>()
  const groupOf = ({ lane }: ConversationQueue): number => (oneLanePerEvent ? lane : 0)

  function fill(waiting: Set<ConversationQueue>) {
    const [first] = waiting
    const event: MessageSubmitted = { lane: first?.lane ?? 0, conversations: [] }
    const aboard: ConversationQueue[] = []
    let left = limits.eventBytes - overheadBytes
    for (const queue of waiting) {
      const alone = !sharesEvents(queue)
      if (alone && aboard.length > 0) continue
      const items = take(queue, limits, left - overheadBytes)
      if (items.length === 0) break
      waiting.delete(queue)
      aboard.push(queue)
      event.conversations.push({ conversationId: queue.id, commands: items.map((item) => item.command) })
      left -= items.reduce((sum, item) => sum + item.bytes, overheadBytes)
      if (alone) break
    }
    return { event, aboard }
  }

  return {
    add(queue) {
      const waiting = lanes.get(groupOf(queue)) ?? new Set()
      lanes.set(groupOf(queue), waiting.add(queue))
    },
    delete(queue) {
      const waiting = lanes.get(groupOf(queue))
      waiting?.delete(queue)
      if (waiting?.size === 0) lanes.delete(groupOf(queue))
    },
    next() {
      const [first] = lanes
      if (!first) return undefined
      const [lane, waiting] = first
      lanes.delete(lane)
      const filled = fill(waiting)
      if (waiting.size > 0) lanes.set(lane, waiting)
      return filled
    },
  }
}
