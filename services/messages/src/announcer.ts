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
/** 80 bytes each at most. */
const headsPerEvent = 1_500
const announced = { items: 128, inFlight: 4 } as const

export interface Announcer {
  /** Resolves when the broker has the event. What waits for several conversations goes out as one event. */
  stored(item: StoredItem): Promise<void>
  rejected(item: RejectedItem): Promise<void>
  /** The heads of the conversations that changed since the call before the last one, in parts that fit into an event. */
  takeHeads(): Record<ConversationId, number>[]
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
      const both = [...new Map([...before, ...heads])]
      before = heads
      heads = new Map()
      return Array.from({ length: Math.ceil(both.length / headsPerEvent) }, (_, i) =>
        Object.fromEntries(both.slice(i * headsPerEvent, (i + 1) * headsPerEvent)),
      )
    },
  }
}

/** Cuts what goes out into events of about `eventBytes`: between the entries of one conversation where it must. */
function* parts(items: readonly StoredItem[]): Generator<StoredItem[]> {
  let part: StoredItem[] = []
  let bytes = 0
  for (const { item, size } of items.flatMap(pieces)) {
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

/** What stands around the entries, and a member's id. */
const overheadBytes = { item: 512, memberId: 68 }

function pieces(item: StoredItem): { item: StoredItem; size: number }[] {
  const overhead = overheadBytes.item + overheadBytes.memberId * (item.memberIds?.length ?? 0)
  const sizes = item.entries.map((entry) => Buffer.byteLength(JSON.stringify(entry)) + 1)
  const found: { item: StoredItem; size: number }[] = []
  let from = 0
  let size = overhead
  for (const [i, bytes] of sizes.entries()) {
    if (i > from && size + bytes > eventBytes) {
      found.push({ item: { ...item, entries: item.entries.slice(from, i) }, size })
      from = i
      size = overhead
    }
    size += bytes
  }
  return [...found, { item: from === 0 ? item : { ...item, entries: item.entries.slice(from) }, size }]
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
