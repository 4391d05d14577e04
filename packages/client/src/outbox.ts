import type { ConversationId, Draft, Message } from '@parley/contracts'
import { isRetryable } from './errors.ts'

/**
 * The unsent messages of one conversation: a pure state machine.
 *
 * An item is *waiting* (to be sent), *sent* (its answer is awaited), or *failed* (refused for good; stays until it is
 * retried or discarded). The lane is *open* or *paused* until a time. Sends are pipelined in order, `window` at most.
 *
 * After a refusal that may pass, the server refuses every later send of the same socket and conversation until the
 * refused one was sent again. So the lane pauses, and then sends again from the first unanswered item on, all with
 * the client ids they had: what was stored in the meantime answers with the original. A lost connection does the same
 * without the pause. `attempt` tells answers of an earlier round apart; a stored message counts whichever round says so.
 */
export interface OutboxItem {
  readonly conversationId: ConversationId
  readonly draft: Draft
  /** Milliseconds since 1970; `order` breaks ties and decides the sequence. */
  readonly queuedAt: number
  readonly order: number
  readonly state: 'waiting' | 'sent' | 'failed'
  readonly attempt: number
  readonly error?: { readonly code: string; readonly message: string }
}

export interface Lane {
  readonly items: readonly OutboxItem[]
  readonly online: boolean
  readonly pausedUntil?: number
  /** Rounds that were refused since the last stored message: what the back-off grows with. */
  readonly refusals: number
}

export type LaneInput =
  | { readonly type: 'queued'; readonly item: OutboxItem }
  | { readonly type: 'online' }
  | { readonly type: 'offline' }
  /** Stored, whether an ack or the entry stream says so. */
  | { readonly type: 'stored'; readonly clientId: string; readonly message: Message }
  | {
      readonly type: 'refused'
      readonly clientId: string
      readonly attempt: number
      readonly code: string
      readonly message: string
      readonly retryAfterMs?: number | undefined
      /** 0 ≤ jitter < 1. */
      readonly jitter: number
    }
  | { readonly type: 'woken' }
  /** A failed item again. `clientId` is new where the old one is bound to its refusal. */
  | { readonly type: 'retried'; readonly clientId: string; readonly newClientId: string }
  | { readonly type: 'discarded'; readonly clientId: string }

export interface LaneStep {
  readonly lane: Lane
  /** To be sent now, in this order. */
  readonly send: readonly OutboxItem[]
  /** Send `woken` at this time. */
  readonly wakeAt?: number
  /** To be kept and forgotten in storage. */
  readonly save: readonly OutboxItem[]
  readonly forget: readonly string[]
}

export const window = 100
const firstPauseMs = 250
const longestPauseMs = 15_000

export const emptyLane = (online: boolean): Lane => ({ items: [], online, refusals: 0 })

export function stepLane(lane: Lane, input: LaneInput, now: number): LaneStep {
  switch (input.type) {
    case 'queued':
      return flush({ ...lane, items: [...lane.items, input.item] }, now, { save: [input.item] })
    case 'online': {
      const { pausedUntil: _, ...rest } = lane
      return flush({ ...rest, online: true, items: rewind(lane.items) }, now)
    }
    case 'offline':
      return still({ ...lane, online: false, items: rewind(lane.items) })
    case 'woken': {
      if (lane.pausedUntil === undefined || lane.pausedUntil > now) return still(lane)
      const { pausedUntil: _, ...rest } = lane
      return flush({ ...rest, items: rewind(lane.items) }, now)
    }
    case 'stored': {
      if (!lane.items.some((item) => item.draft.clientId === input.clientId)) return still(lane)
      const items = lane.items.filter((item) => item.draft.clientId !== input.clientId)
      return flush({ ...lane, items, refusals: 0 }, now, { forget: [input.clientId] })
    }
    case 'refused':
      return refused(lane, input, now)
    case 'retried': {
      const item = lane.items.find(
        (each) => each.draft.clientId === input.clientId && each.state === 'failed',
      )
      if (!item) return still(lane)
      const clientId = item.error?.code === 'internal' ? input.clientId : input.newClientId
      const { error: _, ...rest } = item
      const again = { ...rest, state: 'waiting', draft: { ...item.draft, clientId } } as const
      // At the end: what was written after it has overtaken it already.
      const items = [...lane.items.filter((each) => each !== item), again]
      return flush({ ...lane, items }, now, {
        save: [again],
        forget: clientId === input.clientId ? [] : [input.clientId],
      })
    }
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

function refused(lane: Lane, input: Extract<LaneInput, { type: 'refused' }>, now: number): LaneStep {
  const item = lane.items.find((each) => each.draft.clientId === input.clientId)
  if (!item || item.state === 'failed') return still(lane)
  if (!isRetryable(input.code)) {
    const failed = {
      ...item,
      state: 'failed',
      error: { code: input.code, message: input.message },
    } as const
    const items = lane.items.map((each) => (each === item ? failed : each))
    return flush({ ...lane, items }, now, { save: [failed] })
  }
  if (input.attempt !== item.attempt || item.state !== 'sent') return still(lane)
  const backOff = Math.min(longestPauseMs, firstPauseMs * 2 ** lane.refusals)
  const pause = Math.max(input.retryAfterMs ?? 0, backOff) * (1 + input.jitter / 4)
  const first = lane.pausedUntil === undefined
  const pausedUntil = Math.max(lane.pausedUntil ?? 0, Math.ceil(now + pause))
  return {
    ...still({ ...lane, pausedUntil, refusals: first ? lane.refusals + 1 : lane.refusals }),
    wakeAt: pausedUntil,
  }
}

/** Whatever has no answer yet is to be sent again, in its order. */
function rewind(items: readonly OutboxItem[]): readonly OutboxItem[] {
  return items.some((item) => item.state === 'sent')
    ? items.map((item) => (item.state === 'sent' ? { ...item, state: 'waiting' as const } : item))
    : items
}

const still = (lane: Lane): LaneStep => ({ lane, send: [], save: [], forget: [] })

function flush(lane: Lane, now: number, effects: Partial<Pick<LaneStep, 'save' | 'forget'>> = {}): LaneStep {
  const step = { ...still(lane), ...effects }
  if (!lane.online || (lane.pausedUntil ?? 0) > now) return step
  let open = window
  for (const item of lane.items) if (item.state === 'sent') open--
  if (open <= 0 || !lane.items.some((item) => item.state === 'waiting')) return step
  const send: OutboxItem[] = []
  const items = lane.items.map((item) => {
    if (item.state !== 'waiting' || send.length >= open) return item
    const sent = { ...item, state: 'sent' as const, attempt: item.attempt + 1 }
    send.push(sent)
    return sent
  })
  return { ...step, lane: { ...lane, items }, send }
}
