import type { ConversationId, Draft, Message } from '@parley/contracts'
import { type ClientErrorCode, ParleyError } from './errors.ts'
import { emptyLane, isEmptyLane, type Lane, type LaneInput, type OutboxItem, stepLane } from './outbox.ts'
import type { OutboxStorage } from './outbox-storage.ts'
import type { Clock } from './ports.ts'
import { createPromises } from './promises.ts'

export type SendAnswer =
  | { readonly ok: true; readonly message: Message }
  | {
      readonly ok: false
      readonly code: ClientErrorCode
      readonly message: string
      readonly retryAfterMs?: number
    }

/** The unsent messages of all conversations: runs `outbox.ts` for each, and keeps what is unsent in storage. */
export interface Sender {
  /**
   * Settles when the message is stored or refused for good. The storage has it before this returns. A client id that
   * is queued already is not queued again.
   */
  queue(conversationId: ConversationId, draft: Draft): Promise<Message>
  online(): void
  offline(): void
  /** The entry stream says that this message of mine is stored. */
  stored(message: Message): void
  retry(clientId: string): void
  discard(clientId: string): void
  items(conversationId: ConversationId): readonly OutboxItem[]
  size(): number
  /** Takes up what an earlier run of this user left unsent. */
  restore(owner: string): void
  clear(options: { forget: boolean }): void
}

export function createSender(deps: {
  /** Sends over the socket; always answers, by a time-out if need be. */
  send(item: OutboxItem): Promise<SendAnswer>
  clock: Clock
  random(): number
  newId(): string
  storage: OutboxStorage
  onChanged(conversationId: ConversationId): void
  onStored(message: Message): void
  onFailed(item: OutboxItem): void
}): Sender {
  const lanes = new Map<ConversationId, { lane: Lane; timer?: { cancel(): void } }>()
  const waiting = createPromises<Message>()
  let connected = false
  let order = 0
  let owner = ''

  /** Grows in this tab even where the clock is set back, and tells the tabs that share the storage apart by time. */
  function nextOrder(): number {
    order = Math.max(deps.clock.now(), order + 1)
    return order
  }

  function step(conversationId: ConversationId, input: LaneInput): void {
    const slot = lanes.get(conversationId) ?? { lane: emptyLane(connected) }
    const before = slot.lane
    const { lane, send, wakeInMs, save, forget } = stepLane(before, input, deps.clock.monotonic())
    slot.lane = lane
    lanes.set(conversationId, slot)
    for (const item of save) deps.storage.save(owner, item)
    for (const clientId of forget) deps.storage.remove(owner, clientId)
    if (wakeInMs !== undefined) {
      slot.timer?.cancel()
      slot.timer = deps.clock.setTimeout(() => {
        delete slot.timer
        step(conversationId, { type: 'woken' })
      }, wakeInMs)
    }
    if (isEmptyLane(lane) && !slot.timer) lanes.delete(conversationId)
    for (const item of send) void dispatch(item)
    if (lane.items !== before.items) deps.onChanged(conversationId)
  }

  async function dispatch(item: OutboxItem): Promise<void> {
    const answer = await deps.send(item)
    if (answer.ok) return settle(answer.message, item.attempt)
    const { ok: _, ...refusal } = answer
    const { clientId } = item.draft
    const failedBefore = find(clientId)?.state === 'failed'
    step(item.conversationId, { type: 'refused', item, ...refusal, jitter: deps.random() })
    const failed = find(clientId)
    if (failedBefore || failed?.state !== 'failed') return
    waiting.reject(clientId, errorOf(answer))
    deps.onFailed(failed)
  }

  function settle(message: Message, attempt?: number): void {
    const { conversationId, clientId } = message
    const unsent = lanes.get(conversationId)?.lane.items.some((item) => item.draft.clientId === clientId)
    // Told before the outbox changes, so that a view never shows neither of the two.
    if (unsent) deps.onStored(message)
    step(conversationId, { type: 'stored', clientId, ...(attempt !== undefined && { attempt }) })
    waiting.resolve(clientId, message)
  }

  function find(clientId: string): OutboxItem | undefined {
    for (const { lane } of lanes.values()) {
      const item = lane.items.find((each) => each.draft.clientId === clientId)
      if (item) return item
    }
    return undefined
  }

  function each(input: LaneInput): void {
    for (const conversationId of [...lanes.keys()]) step(conversationId, input)
  }

  return {
    queue(conversationId, draft) {
      const { clientId } = draft
      const stored = waiting.get(clientId)
      const known = find(clientId)
      if (known?.error) waiting.reject(clientId, errorOf(known.error))
      if (known) return stored
      const item: OutboxItem = {
        conversationId,
        draft,
        queuedAt: deps.clock.now(),
        order: nextOrder(),
        state: 'waiting',
        attempt: 0,
      }
      step(conversationId, { type: 'queued', item })
      return stored
    },
    online() {
      connected = true
      each({ type: 'online' })
    },
    offline() {
      connected = false
      each({ type: 'offline' })
    },
    stored: (message) => settle(message),
    retry(clientId) {
      const item = find(clientId)
      if (!item) return
      step(item.conversationId, { type: 'retried', clientId, newClientId: deps.newId(), order: nextOrder() })
    },
    discard(clientId) {
      const item = find(clientId)
      if (item) step(item.conversationId, { type: 'discarded', clientId })
    },
    items: (conversationId) => lanes.get(conversationId)?.lane.items ?? [],
    size() {
      let total = 0
      for (const { lane } of lanes.values()) total += lane.items.length
      return total
    },
    restore(userId) {
      owner = userId
      for (const item of deps.storage.load(userId)) {
        order = Math.max(order, item.order)
        if (!find(item.draft.clientId)) step(item.conversationId, { type: 'queued', item })
      }
    },
    clear({ forget }) {
      for (const { timer } of lanes.values()) timer?.cancel()
      if (forget) deps.storage.clear(owner)
      lanes.clear()
      waiting.rejectAll(new ParleyError('signed_out', 'The session was ended'))
    },
  }
}

const errorOf = ({ code, message }: { code: string; message: string }) =>
  new ParleyError(code as ClientErrorCode, message)
