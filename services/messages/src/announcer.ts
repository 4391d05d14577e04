import {
  type ConversationId,
  laneOf,
  type MessageRejected,
  type MessageStored,
  messageRejected,
  messageStored,
} from '@parley/contracts'
import type { Clock, Sidecar } from '@parley/kit'
import { coalesce } from './log/coalesce.ts'

type StoredItem = MessageStored['conversations'][number]
type RejectedItem = MessageRejected['items'][number]

/** An event stays well below what the smallest broker takes (256 KiB at SNS/SQS). */
const eventBytes = 128 * 1024
const announced = { items: 128, inFlight: 8 } as const

export interface Announcer {
  /** Resolves when the broker has the event. What waits for several conversations goes out as one event. */
  stored(item: StoredItem): Promise<void>
  rejected(item: RejectedItem): Promise<void>
  /** The heads of the conversations that changed since the call before the last one. */
  takeHeads(): Record<ConversationId, number>
}

export function createAnnouncer(sidecar: Pick<Sidecar, 'publish'>): Announcer {
  // Two generations: what changed just before a tick is told at the next one as well, in case one event is lost.
  let heads = new Map<ConversationId, number>()
  let before = new Map<ConversationId, number>()

  const stored = coalesce<StoredItem, void>(async (items) => {
    for (const conversations of parts(items)) {
      const lane = laneOf(conversations[0]?.conversationId ?? '')
      await sidecar.publish(messageStored, { conversations }, { lane })
    }
    return []
  }, announced)
  const rejected = coalesce<RejectedItem, void>(async (items) => {
    await sidecar.publish(messageRejected, { items }, { lane: laneOf(items[0]?.conversationId ?? '') })
    return []
  }, announced)

  return {
    stored(item) {
      heads.set(
        item.conversationId,
        Math.max(heads.get(item.conversationId) ?? 0, item.entries.at(-1)?.seq ?? 0),
      )
      return stored(item)
    },
    rejected,
    takeHeads() {
      const both = new Map([...before, ...heads])
      before = heads
      heads = new Map()
      return Object.fromEntries(both)
    },
  }
}

/** Cuts what goes out into events of at most `eventBytes`; a single block is never larger than two of them. */
function* parts(items: readonly StoredItem[]): Generator<StoredItem[]> {
  let part: StoredItem[] = []
  let bytes = 0
  for (const item of items) {
    const size = itemBytes(item)
    if (part.length > 0 && bytes + size > eventBytes) {
      yield part
      part = []
      bytes = 0
    }
    part.push(item)
    bytes += size
  }
  if (part.length > 0) yield part
}

function itemBytes(item: StoredItem): number {
  let bytes = 256 + 40 * (item.memberIds?.length ?? 0)
  for (const entry of item.entries)
    bytes += entry.kind === 'message' ? 640 + Buffer.byteLength(entry.message.text) : 320
  return bytes
}

/** How long the heads are gathered before they are told. */
export const headsIntervalMs = 5_000

export function everyInterval(clock: Clock, ms: number, run: () => Promise<void>): { stop(): void } {
  let stopped = false
  let timer = clock.setTimeout(tick, ms)
  function tick(): void {
    void run().finally(() => {
      if (!stopped) timer = clock.setTimeout(tick, ms)
    })
  }
  return {
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
