import type { MessageSubmitted } from '@parley/contracts'
import { type BatchLimits, type ConversationQueue, sharesEvents, take } from './conversation-queue.ts'

/** The conversations that have something to publish, by lane: one event is of one lane. */
export interface Lanes {
  add(queue: ConversationQueue): void
  delete(queue: ConversationQueue): void
  /** Fills the next event, of the lane that waits longest, and puts its conversations in flight. */
  next(): { event: MessageSubmitted; aboard: ConversationQueue[] } | undefined
}

/** Room for the names and brackets around the commands of one conversation, and around the event. */
export const overheadBytes = 128

export function createLanes(limits: BatchLimits): Lanes {
  const lanes = new Map<number, Set<ConversationQueue>>()

  function fill(lane: number, waiting: Set<ConversationQueue>) {
    const event: MessageSubmitted = { lane, conversations: [] }
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
      const waiting = lanes.get(queue.lane) ?? new Set()
      lanes.set(queue.lane, waiting.add(queue))
    },
    delete(queue) {
      const waiting = lanes.get(queue.lane)
      waiting?.delete(queue)
      if (waiting?.size === 0) lanes.delete(queue.lane)
    },
    next() {
      const [first] = lanes
      if (!first) return undefined
      const [lane, waiting] = first
      lanes.delete(lane)
      const filled = fill(lane, waiting)
      if (waiting.size > 0) lanes.set(lane, waiting)
      return filled
    },
  }
}
