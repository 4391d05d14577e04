import type { ConversationId, Draft } from '@parley/contracts'
import { isRetryable } from './errors.ts'

/**
 * The unsent messages of one conversation: a pure state machine.
 *
 * An item is *waiting* (to be sent), *sent* (its answer is awaited), or *failed* (refused for good; stays until it is
 * retried or discarded). The lane is *open* or *paused*. Sends are pipelined in order, `window` at most.
 *
 * After a refusal that may pass, the server refuses every later send of the same socket and conversation until the
 * refused one was sent again. So the lane pauses, and then sends again from the first unanswered item on, all with
 * the client ids they had: what was stored in the meantime answers with the original. A lost connection does the same
 * without the pause. `attempt` tells answers of an earlier round apart; a stored message counts whichever round says so.
 *
 * A message may be stored although its answer was a refusal (`unavailable`: outcome unknown), and its entry may say so
 * before or after that answer. The server still waits to be sent it again: it is *owed* until that was answered.
 */
export interface OutboxItem {
  readonly conversationId: ConversationId
  readonly draft: Draft
  /** Milliseconds since 1970. */
  readonly queuedAt: number
  /** Where it stands among the unsent; unique and growing. */
  readonly order: number
  readonly state: 'waiting' | 'sent' | 'failed'
  readonly attempt: number
  /** Refused since it was last sent, in a way that may pass: the server waits to be sent it again. */
  readonly held?: true
  readonly error?: { readonly code: string; readonly message: string }
}

export interface Lane {
  /** In their order. */
  readonly items: readonly OutboxItem[]
  /** Stored, but to be sent again for the server's sake. In their order. */
  readonly owed: readonly OutboxItem[]
  readonly online: boolean
  /** By the monotonic clock. `woken` ends the pause, whatever the clock says. */
  readonly pausedUntil?: number
  /** Rounds that were refused since the last stored message: what the back-off grows with. */
  readonly refusals: number
}

export type LaneInput =
  | { readonly type: 'queued'; readonly item: OutboxItem }
  | { readonly type: 'online' }
  | { readonly type: 'offline' }
  /** Stored, as the answer of this attempt says, or an entry where there is no attempt. */
  | { readonly type: 'stored'; readonly clientId: string; readonly attempt?: number }
  | Refused
  | { readonly type: 'woken' }
  /** A failed item again, at the end: `order`. `clientId` is new where the old one is bound to its refusal. */
  | {
      readonly type: 'retried'
      readonly clientId: string
      readonly newClientId: string
      readonly order: number
    }
  | { readonly type: 'discarded'; readonly clientId: string }

interface Refused {
  readonly type: 'refused'
  /** As it was sent. */
  readonly item: OutboxItem
  readonly code: string
  readonly message: string
  readonly retryAfterMs?: number | undefined
  /** 0 ≤ jitter < 1. */
  readonly jitter: number
}

export interface LaneStep {
  readonly lane: Lane
  /** To be sent now, in this order. */
  readonly send: readonly OutboxItem[]
  /** Send `woken` after this time, and not after any time said before. */
  readonly wakeInMs?: number
  /** To be kept and forgotten in storage. */
  readonly save: readonly OutboxItem[]
  readonly forget: readonly string[]
}

export const window = 100
const firstPauseMs = 250
const longestPauseMs = 15_000

export const emptyLane = (online: boolean): Lane => ({ items: [], owed: [], online, refusals: 0 })
export const isEmptyLane = ({ items, owed }: Lane) => items.length === 0 && owed.length === 0

/** `now`: by the monotonic clock. */
export function stepLane(lane: Lane, input: LaneInput, now: number): LaneStep {
  switch (input.type) {
    case 'queued':
      return flush({ ...lane, items: [...lane.items, input.item] }, { save: [input.item] })
    case 'online':
      return flush({ ...resumed(lane), online: true })
    case 'offline': {
      // Another connection owes nothing.
      const items = lane.items.map(({ held: _, ...item }) => rewound(item))
      return still({ ...lane, online: false, items, owed: [] })
    }
    case 'woken':
      return lane.pausedUntil === undefined ? still(lane) : flush(resumed(lane))
    case 'stored':
      return stored(lane, input, now)
    case 'refused':
      return isRetryable(input.code) ? heldUp(lane, input, now) : failed(lane, input)
    case 'retried':
      return retried(lane, input)
    case 'discarded': {
      const items = lane.items.filter(
        (item) => item.draft.clientId !== input.clientId || item.state !== 'failed',
      )
      return items.length === lane.items.length
        ? still(lane)
        : { ...still({ ...lane, items }), forget: [input.clientId] }
    }
  }
}

function stored(
  lane: Lane,
  { clientId, attempt }: Extract<LaneInput, { type: 'stored' }>,
  now: number,
): LaneStep {
  const item = lane.items.find((each) => each.draft.clientId === clientId)
  if (!item) {
    if (attempt === undefined) return still(lane)
    const paid = (each: OutboxItem) => each.draft.clientId === clientId && each.state === 'sent'
    return flush({ ...lane, owed: lane.owed.filter((each) => !paid(each)) })
  }
  const items = lane.items.filter((each) => each !== item)
  const rest = { ...lane, items, refusals: 0 }
  const effects = { forget: [clientId] }
  if (!item.held) return flush(rest, effects)
  const owing = owe(rest, item)
  return { ...(lane.pausedUntil === undefined ? pause(owing, firstPauseMs, now) : still(owing)), ...effects }
}

function failed(lane: Lane, { item, code, message }: Refused): LaneStep {
  const { clientId } = item.draft
  const owed = lane.owed.filter((each) => each.draft.clientId !== clientId)
  const known = lane.items.find((each) => each.draft.clientId === clientId)
  if (!known || known.state === 'failed') return flush({ ...lane, owed })
  const done: OutboxItem = { ...known, state: 'failed', error: { code, message } }
  const items = lane.items.map((each) => (each === known ? done : each))
  return flush({ ...lane, items, owed }, { save: [done] })
}

function heldUp(lane: Lane, { item, code, retryAfterMs, jitter }: Refused, now: number): LaneStep {
  const { clientId } = item.draft
  const known = lane.items.find((each) => each.draft.clientId === clientId)
  if (known?.state === 'failed') return still(lane)
  // No answer at all is no refusal: the server waits for nothing.
  const held = code === 'network' ? lane : hold(lane, item)
  const late = known ? known.state !== 'sent' || known.attempt !== item.attempt : held === lane
  if (late) return still(held)
  const backOff = Math.min(longestPauseMs, firstPauseMs * 2 ** lane.refusals)
  const ms = Math.max(retryAfterMs ?? 0, backOff) * (1 + jitter / 4)
  const first = lane.pausedUntil === undefined
  return pause({ ...held, refusals: first ? lane.refusals + 1 : lane.refusals }, ms, now)
}

/** After it all is sent again in order: what is owed alone would let through what is under way behind it. */
function pause(lane: Lane, ms: number, now: number): LaneStep {
  const pausedUntil = Math.max(lane.pausedUntil ?? 0, Math.ceil(now + ms))
  return { ...still({ ...lane, pausedUntil }), wakeInMs: pausedUntil - now }
}

/** It may be stored and gone from the items already. */
function hold(lane: Lane, item: OutboxItem): Lane {
  const { clientId } = item.draft
  if (!lane.items.some((each) => each.draft.clientId === clientId)) return owe(lane, item)
  const items = lane.items.map((each) =>
    each.draft.clientId === clientId ? { ...each, held: true as const } : each,
  )
  return { ...lane, items }
}

function owe(lane: Lane, item: OutboxItem): Lane {
  const others = lane.owed.filter((each) => each.draft.clientId !== item.draft.clientId)
  const owed = [...others, { ...item, state: 'waiting' as const }].sort((a, b) => a.order - b.order)
  return { ...lane, owed }
}

function retried(lane: Lane, input: Extract<LaneInput, { type: 'retried' }>): LaneStep {
  const item = lane.items.find((each) => each.draft.clientId === input.clientId && each.state === 'failed')
  if (!item) return still(lane)
  // After `internal` it may be stored yet; any other refusal is kept under its id, and answered again.
  const clientId = item.error?.code === 'internal' ? input.clientId : input.newClientId
  const { conversationId, queuedAt, attempt } = item
  const draft = { ...item.draft, clientId }
  const again: OutboxItem = { conversationId, draft, queuedAt, attempt, order: input.order, state: 'waiting' }
  // At the end: what was written after it has overtaken it already.
  const items = [...lane.items.filter((each) => each !== item), again]
  const forget = clientId === input.clientId ? [] : [input.clientId]
  return flush({ ...lane, items }, { save: [again], forget })
}

/** Whatever has no answer yet is to be sent again, in its order. */
const rewound = (item: OutboxItem): OutboxItem =>
  item.state === 'sent' ? { ...item, state: 'waiting' } : item

function resumed({ pausedUntil: _, ...lane }: Lane): Lane {
  return { ...lane, items: lane.items.map(rewound), owed: lane.owed.map(rewound) }
}

const still = (lane: Lane): LaneStep => ({ lane, send: [], save: [], forget: [] })

function flush(lane: Lane, effects: Partial<Pick<LaneStep, 'save' | 'forget'>> = {}): LaneStep {
  const step = { ...still(lane), ...effects }
  if (!lane.online || lane.pausedUntil !== undefined) return step
  let room = window
  for (const item of lane.items) if (item.state === 'sent') room--
  const send: OutboxItem[] = []
  const dispatch = ({ held: _, ...item }: OutboxItem): OutboxItem => {
    const sent = { ...item, state: 'sent' as const, attempt: item.attempt + 1 }
    send.push(sent)
    return sent
  }
  const owed = lane.owed.map((item) => (item.state === 'waiting' ? dispatch(item) : item))
  const items = lane.items.map((item) => (item.state === 'waiting' && room-- > 0 ? dispatch(item) : item))
  if (send.length === 0) return step
  send.sort((a, b) => a.order - b.order)
  return { ...step, lane: { ...lane, items, owed }, send }
}
