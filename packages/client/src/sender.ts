import { type ConversationId, draft, type Message } from '@parley/contracts'
import { z } from 'zod'
import { ParleyError } from './errors.ts'
import { emptyLane, type Lane, type LaneInput, type OutboxItem, stepLane } from './outbox.ts'
import type { Clock, Storage } from './ports.ts'

const savedItem = z.object({
  conversationId: z.string(),
  draft,
  queuedAt: z.number(),
  order: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
})

export type SendAnswer =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly retryAfterMs?: number }

/** The unsent messages of all conversations: runs `outbox.ts` for each, and keeps what is unsent in storage. */
export interface Sender {
  /** Settles when the message is stored or refused for good. The storage has it before this returns. */
  queue(item: Pick<OutboxItem, 'conversationId' | 'draft'>): Promise<Message>
  online(): void
  offline(): void
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
  storage: Storage
  prefix: string
  onChanged(conversationId: ConversationId): void
  onStored(message: Message): void
  onFailed(item: OutboxItem): void
}): Sender {
  const lanes = new Map<ConversationId, { lane: Lane; timer?: { cancel(): void } }>()
  const waiting = new Map<string, { resolve(message: Message): void; reject(error: unknown): void }>()
  let connected = false
  let order = 0
  let owner = ''

  const keyOf = (clientId: string) => `${deps.prefix}.${owner}.${clientId}`

  function step(conversationId: ConversationId, input: LaneInput): void {
    const slot = lanes.get(conversationId) ?? { lane: emptyLane(connected) }
    const before = slot.lane
    const { lane, send, wakeAt, save, forget } = stepLane(before, input, deps.clock.now())
    slot.lane = lane
    lanes.set(conversationId, slot)
    for (const { state: _, attempt: __, ...item } of save) {
      deps.storage.set(keyOf(item.draft.clientId), JSON.stringify(item))
    }
    for (const clientId of forget) deps.storage.remove(keyOf(clientId))
    if (wakeAt !== undefined) {
      slot.timer?.cancel()
      slot.timer = deps.clock.setTimeout(() => {
        delete slot.timer
        step(conversationId, { type: 'woken' })
      }, wakeAt - deps.clock.now())
    }
    if (lane.items.length === 0 && !slot.timer) lanes.delete(conversationId)
    for (const item of send) void dispatch(item)
    if (lane.items !== before.items) deps.onChanged(conversationId)
  }

  async function dispatch(item: OutboxItem): Promise<void> {
    const { clientId } = item.draft
    const answer = await deps.send(item)
    if (answer.ok) return stored(answer.message)
    const { conversationId, attempt } = item
    const { code, message, retryAfterMs } = answer
    step(conversationId, {
      type: 'refused',
      clientId,
      attempt,
      code,
      message,
      retryAfterMs,
      jitter: deps.random(),
    })
    const failed = find(clientId)
    if (failed?.state !== 'failed') return
    waiting.get(clientId)?.reject(new ParleyError(code as ParleyError['code'], message))
    waiting.delete(clientId)
    deps.onFailed(failed)
  }

  function stored(message: Message): void {
    const { conversationId, clientId } = message
    const unsent = lanes.get(conversationId)?.lane.items.some((item) => item.draft.clientId === clientId)
    if (!unsent) return
    // Told before the outbox changes, so that a view never shows neither of the two.
    deps.onStored(message)
    step(conversationId, { type: 'stored', clientId, message })
    waiting.get(clientId)?.resolve(message)
    waiting.delete(clientId)
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

  function load(key: string): OutboxItem | undefined {
    try {
      const { error, ...item } = savedItem.parse(JSON.parse(deps.storage.get(key) ?? ''))
      const conversationId = item.conversationId as ConversationId
      const restored = { ...item, conversationId, attempt: 0 }
      return error ? { ...restored, state: 'failed', error } : { ...restored, state: 'waiting' }
    } catch {
      deps.storage.remove(key)
      return undefined
    }
  }

  return {
    queue({ conversationId, draft }) {
      const promise = new Promise<Message>((resolve, reject) => {
        waiting.set(draft.clientId, { resolve, reject })
      })
      // Whoever does not wait for it must not be punished for a failure that the outbox shows anyway.
      promise.catch(() => undefined)
      const item: OutboxItem = {
        conversationId,
        draft,
        queuedAt: deps.clock.now(),
        order: order++,
        state: 'waiting',
        attempt: 0,
      }
      step(conversationId, { type: 'queued', item })
      return promise
    },
    online() {
      connected = true
      each({ type: 'online' })
    },
    offline() {
      connected = false
      each({ type: 'offline' })
    },
    stored,
    retry(clientId) {
      const item = find(clientId)
      if (item) step(item.conversationId, { type: 'retried', clientId, newClientId: deps.newId() })
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
      const items = deps.storage.keys(keyOf('')).flatMap((key) => load(key) ?? [])
      items.sort((a, b) => a.order - b.order || a.queuedAt - b.queuedAt)
      for (const item of items) {
        order = Math.max(order, item.order + 1)
        if (!find(item.draft.clientId)) step(item.conversationId, { type: 'queued', item })
      }
    },
    clear({ forget }) {
      for (const [, { lane, timer }] of lanes) {
        timer?.cancel()
        if (forget) for (const item of lane.items) deps.storage.remove(keyOf(item.draft.clientId))
      }
      lanes.clear()
      for (const { reject } of waiting.values())
        reject(new ParleyError('signed_out', 'The session was ended'))
      waiting.clear()
    },
  }
}
