import { type Command, type ConversationId, laneOf, type MessageSubmitted } from '@parley/contracts'
import {
  beginAlone,
  type ConversationQueue,
  conversationQueue,
  fail,
  type Item,
  judge,
  remove,
  somethingToPublish,
} from './conversation-queue.ts'
import { createLanes } from './lanes.ts'
import { type Batcher, type BatcherDeps, type BatchOutcome, batcherLimits } from './outcome.ts'
import { keyOf, type Pending, pendingItem } from './pending.ts'

/** One published event: out until each of its conversations has landed, or its time is up. */
interface Flight {
  /** Its place among the flights of this node, from 1. */
  readonly number: number
  readonly startedAt: number
  readonly queues: Set<ConversationQueue>
  timer: { cancel(): void }
}

const firstRetryMs = 100

/**
 * Turns what people send into few events, and answers each send with what became of it.
 *
 * An item is *queued* → *in flight* (its event is published, the outcome awaited) → *answered*, once:
 *   stored, rejected       the outcome came, from whichever publication
 *   failed 'unavailable'   no outcome for 30 s: it may have been stored. The same sender's later items in that
 *                          conversation are answered alike, or they would overtake it when it is sent again
 *   failed 'overloaded'    it was never accepted
 *
 * A conversation has at most one flight (conversation-queue.ts), so the order of a sender survives a broker that
 * reorders. One event carries the flights of many conversations, and a bounded number of events is out: load makes
 * batches larger instead of queues longer. When idle, an item is published at once.
 *
 * No outcome in 2 s → the same items again; again none → one by one. Neither an outage nor a queue in the broker is
 * poison: an attempt alone is a strike only if it was overtaken, by an item that was published for the first time after
 * it and had its outcome before it. Two strikes, and the item is *set aside*: it goes to the dead letter topic alone and
 * is published no more. The answer is still what `messages` says: `internal` once it has refused the item for good, so
 * that no copy that is under way is stored after the sender was told no. Where nobody overtakes, an item is tried on
 * until it is 30 s old. A publish that throws is an attempt without an outcome, repeated sooner.
 */
export function createBatcher(deps: BatcherDeps): Batcher {
  const { clock, publish, deadLetter, soon = queueMicrotask } = deps
  const limits = { ...batcherLimits, ...deps.limits }
  const lanes = createLanes(limits, deps.oneLanePerEvent ?? false)
  const queues = new Map<ConversationId, ConversationQueue>()
  /** In the order of submission: the first is the oldest. */
  const pending = new Map<string, Pending>()
  const flights = new Map<ConversationQueue, Flight>()
  const out = new Set<Flight>()
  const unavailable: BatchOutcome = { failed: 'unavailable', retryAfterMs: limits.retryAfterMs }
  let flightCount = 0
  /** The latest flight with which an item went out for the first time that has its outcome. */
  let latestOutcome = 0
  let publishFailures = 0
  let pumpIsDue = false
  let closed = false
  let ageTimer: { cancel(): void } | undefined
  let roomTimer: { cancel(): void } | undefined

  function submit(conversationId: ConversationId, command: Command): Promise<BatchOutcome> {
    const key = keyOf(conversationId, command.senderId, command.clientId)
    const same = pending.get(key)
    if (same) return same.outcome
    if (closed) return Promise.resolve(unavailable)
    if (pending.size >= limits.queuedItems) {
      return Promise.resolve({ failed: 'overloaded', retryAfterMs: limits.retryAfterMs })
    }
    const queue = queues.get(conversationId) ?? conversationQueue(conversationId, laneOf(conversationId))
    queues.set(conversationId, queue)
    const item = pendingItem(key, queue, command, clock.now(), limits.eventBytes)
    pending.set(key, item)
    queue.items.push(item)
    ageTimer ??= clock.setTimeout(giveUpOnTheOld, limits.giveUpMs)
    makeReady(queue)
    return item.outcome
  }

  function makeReady(queue: ConversationQueue): void {
    if (queue.flying.length > 0) return
    if (queue.items.length === 0) queues.delete(queue.id)
    if (somethingToPublish(queue)) {
      lanes.add(queue)
      pumpSoon()
    } else {
      lanes.delete(queue)
    }
  }

  function pumpSoon(): void {
    if (pumpIsDue || closed) return
    pumpIsDue = true
    soon(pump)
  }

  function pump(): void {
    pumpIsDue = false
    while (!closed && hasRoom()) {
      const next = lanes.next()
      if (!next) return
      fly(next.event, next.aboard)
    }
  }

  function hasRoom(): boolean {
    if (out.size < limits.eventsInFlight) return true
    if (out.size >= limits.mostInFlight) return false
    const stuckIn = [...out].map(({ startedAt }) => startedAt + limits.stuckMs - clock.now())
    const fresh = stuckIn.filter((ms) => ms > 0)
    if (fresh.length < limits.eventsInFlight) return true
    roomTimer?.cancel()
    roomTimer = clock.setTimeout(pumpSoon, Math.min(...fresh))
    return false
  }

  function fly(event: MessageSubmitted, aboard: readonly ConversationQueue[]): void {
    const flight: Flight = {
      number: ++flightCount,
      startedAt: clock.now(),
      queues: new Set(aboard),
      timer: clock.setTimeout(() => timeIsUp(flight), limits.outcomeMs),
    }
    out.add(flight)
    for (const queue of aboard) {
      flights.set(queue, flight)
      for (const item of queue.flying) {
        item.firstFlight ??= flight.number
        if (queue.mode === 'alone') beginAlone(item, flight.number, latestOutcome)
      }
    }
    publish(event).then(
      () => {
        publishFailures = 0
      },
      () => {
        if (!out.has(flight)) return
        // What was not published proves nothing.
        for (const queue of flight.queues) for (const item of queue.flying) item.aloneFlight = undefined
        const waitMs = Math.min(limits.outcomeMs, firstRetryMs * 2 ** publishFailures)
        publishFailures += 1
        flight.timer.cancel()
        flight.timer = clock.setTimeout(() => timeIsUp(flight), waitMs)
      },
    )
  }

  function timeIsUp(flight: Flight): void {
    out.delete(flight)
    for (const queue of flight.queues) {
      flights.delete(queue)
      const alone = queue.mode === 'alone' ? queue.flying : []
      fail(queue)
      for (const item of alone) strikeOut(item)
      makeReady(queue)
    }
    pumpSoon()
  }

  function strikeOut(item: Item): void {
    judge(item, latestOutcome)
    const struck = item.strikes >= limits.strikes ? pending.get(item.key) : undefined
    if (!struck) return
    const { queue } = struck
    const event = {
      lane: queue.lane,
      conversations: [{ conversationId: queue.id, commands: [item.command] }],
    }
    item.isSetAside = true
    deadLetter(event, `no outcome after ${item.attempts} attempts alone`).catch(() => {
      item.isSetAside = false
      if (pending.get(item.key) === item) makeReady(queue)
    })
  }

  function answer(item: Pending, outcome: BatchOutcome): void {
    const { queue } = item
    pending.delete(item.key)
    remove(queue, item)
    item.resolve(outcome)
    if (queue.flying.length > 0) return
    const flight = flights.get(queue)
    if (flight) {
      flights.delete(queue)
      flight.queues.delete(queue)
      if (flight.queues.size === 0) {
        flight.timer.cancel()
        out.delete(flight)
        pumpSoon()
      }
    }
    makeReady(queue)
  }

  function giveUpOnTheOld(): void {
    const now = clock.now()
    for (const item of pending.values()) {
      const waitMs = item.submittedAt + limits.giveUpMs - now
      if (waitMs > 0) {
        ageTimer = clock.setTimeout(giveUpOnTheOld, waitMs)
        return
      }
      giveUp(item)
    }
    ageTimer = undefined
  }

  function giveUp(oldest: Pending): void {
    const { items } = oldest.queue
    for (const item of items.slice(items.indexOf(oldest))) {
      const later = item.senderId === oldest.senderId ? pending.get(item.key) : undefined
      if (later) answer(later, unavailable)
    }
  }

  function settle(key: string, outcome: BatchOutcome): void {
    const item = pending.get(key)
    if (!item) return
    latestOutcome = Math.max(latestOutcome, item.firstFlight ?? 0)
    answer(item, outcome)
  }

  return {
    submit,
    stored(conversationId, entry) {
      if (entry.kind !== 'message') return
      settle(keyOf(conversationId, entry.message.senderId, entry.message.clientId), { stored: entry })
    },
    rejected(item) {
      settle(keyOf(item.conversationId, item.senderId, item.clientId), { rejected: item.error })
    },
    pending: () => pending.size,
    inFlight: () => out.size,
    close() {
      closed = true
      ageTimer?.cancel()
      roomTimer?.cancel()
      for (const flight of out) flight.timer.cancel()
      for (const item of [...pending.values()]) answer(item, unavailable)
    },
  }
}
