import type { Command, ConversationId } from '@parley/contracts'

/**
 * What one conversation waits for. At most one flight is out; what arrives meanwhile becomes the next.
 *
 *   batch ──no outcome──▶ repeat (the same items) ──no outcome──▶ suspects, each alone
 *
 * While there are suspects the conversation takes turns: one suspect alone, then a batch of the senders who have no
 * suspect. So a poison item is found and holds up only its own sender, and the order of a sender stays: a later item
 * is never published before every earlier one of the same flight order was, and never past a suspect.
 */
export interface Item {
  readonly key: string
  readonly senderId: string
  readonly command: Command
  readonly bytes: number
  /** The node's flight with which it went out for the first time. */
  firstFlight: number | undefined
  /** How often it was published alone. */
  attempts: number
  /** The flight of its last attempt alone, until that was judged. */
  aloneFlight: number | undefined
  /** How often it was overtaken while it was out alone. */
  strikes: number
  /** It struck out: it is published no more, and its sender's later items wait until it has its answer. */
  isSetAside: boolean
}

export interface BatchLimits {
  readonly batchItems: number
  readonly eventBytes: number
}

export interface ConversationQueue {
  readonly id: ConversationId
  readonly lane: number
  /** Not answered yet, in the order of submission. */
  items: Item[]
  /** Published and not answered yet; empty when the conversation is on the ground. */
  flying: readonly Item[]
  /** What the current or last flight was. */
  mode: 'batch' | 'repeat' | 'alone'
  repeat: readonly Item[]
  readonly suspects: Set<Item>
}

export const conversationQueue = (id: ConversationId, lane: number): ConversationQueue => ({
  id,
  lane,
  items: [],
  flying: [],
  mode: 'batch',
  repeat: [],
  suspects: new Set(),
})

/** Only what never failed may share an event with other conversations: a poison item takes nobody else down. */
export const sharesEvents = (queue: ConversationQueue) =>
  queue.repeat.length === 0 && queue.suspects.size === 0

/** Puts what goes next in flight: at most `bytes` encoded, nothing where nothing fits. */
export function take(queue: ConversationQueue, limits: BatchLimits, bytes: number): readonly Item[] {
  queue.flying = choose(queue, limits, bytes)
  queue.repeat = []
  return queue.flying
}

function choose(queue: ConversationQueue, limits: BatchLimits, bytes: number): readonly Item[] {
  if (queue.repeat.length > 0) {
    queue.mode = 'repeat'
    return queue.repeat
  }
  const batch = unsuspected(queue, limits, bytes)
  const suspect = nextSuspect(queue)
  if (suspect && (queue.mode !== 'alone' || batch.length === 0)) {
    queue.mode = 'alone'
    return [suspect]
  }
  if (batch.length > 0) queue.mode = 'batch'
  return batch
}

function unsuspected(queue: ConversationQueue, limits: BatchLimits, bytes: number): Item[] {
  const held = sendersHeld(queue)
  const batch: Item[] = []
  let left = bytes
  for (const item of queue.items) {
    if (held.has(item.senderId)) continue
    if (batch.length === limits.batchItems || item.bytes > left) break
    left -= item.bytes
    batch.push(item)
  }
  return batch
}

export const somethingToPublish = (queue: ConversationQueue): boolean =>
  queue.repeat.length > 0 || nextSuspect(queue) !== undefined || hasUnsuspected(queue)

function hasUnsuspected(queue: ConversationQueue): boolean {
  const held = sendersHeld(queue)
  return queue.items.some((item) => !held.has(item.senderId))
}

const sendersHeld = ({ suspects }: ConversationQueue): Set<string> =>
  new Set([...suspects].map((item) => item.senderId))

/** Of each sender's first suspect, the one that went alone least often. */
function nextSuspect(queue: ConversationQueue): Item | undefined {
  const senders = new Set<string>()
  let next: Item | undefined
  for (const item of queue.suspects) {
    if (senders.has(item.senderId)) continue
    senders.add(item.senderId)
    if (item.isSetAside) continue
    if (!next || item.attempts < next.attempts) next = item
  }
  return next
}

/** A suspect is published alone, with this flight. */
export function beginAlone(item: Item, flight: number, latestOutcome: number): void {
  judge(item, latestOutcome)
  item.attempts += 1
  item.aloneFlight = flight
}

/** Once per attempt, as late as possible: whoever overtook it may have had the outcome after its time was up. */
export function judge(item: Item, latestOutcome: number): void {
  if (item.aloneFlight === undefined || latestOutcome <= item.aloneFlight) return
  item.strikes += 1
  item.aloneFlight = undefined
}

/** The flight had no outcome in time. */
export function fail(queue: ConversationQueue): void {
  if (queue.mode === 'batch') queue.repeat = queue.flying
  if (queue.mode === 'repeat') for (const item of queue.flying) queue.suspects.add(item)
  queue.flying = []
}

/** Takes an answered item out. */
export function remove(queue: ConversationQueue, item: Item): void {
  const others = (items: readonly Item[]) => items.filter((other) => other !== item)
  queue.suspects.delete(item)
  queue.items = others(queue.items)
  queue.repeat = others(queue.repeat)
  queue.flying = others(queue.flying)
}
