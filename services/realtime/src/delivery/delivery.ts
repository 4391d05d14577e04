import type { ConversationId, Entry, UserId } from '@parley/contracts'
import type { Clock } from '@parley/kit'
import { recentHeads } from './recent-heads.ts'

/**
 * Puts the entries of each conversation that has sockets on this node into `seq` order, without a gap.
 *
 * A conversation is *untracked* (only its newest known head is remembered, for a while), or *tracked*, and then
 *   current    every known entry was emitted: next > known
 *   waiting    something is missing; what is ahead is held. Entries overtake each other: 200 ms of grace
 *   fetching   one request for this node; whatever arrives meanwhile is held
 *   backing off a fetch failed; it is tried again, ever less often
 * and back to *current*. Entries come once or more and in any order; what is behind `next` is ignored.
 *
 * Membership changes take effect at their place in that order: the ports are called synchronously between the emits,
 * so what follows a removal cannot reach who was removed, and who was added gets all that follows.
 */
export interface DeliveryPorts {
  readonly clock: Clock
  readonly fetchEntries: (
    conversationId: ConversationId,
    after: number,
    limit: number,
  ) => Promise<{ items: readonly Entry[]; head: number; hasMore: boolean }>
  /** To every socket of this node that is in the conversation. */
  readonly emit: (conversationId: ConversationId, entry: Entry) => void
  /** Whether this user has sockets here, which an addition would bring into the conversation. */
  readonly isLocal: (userId: UserId) => boolean
  /** Just after the entry was emitted to who was a member before. */
  readonly added: (conversationId: ConversationId, userId: UserId, entry: Entry) => void
  /** Just after the entry was emitted; nothing later may reach this user's sockets. */
  readonly removed: (conversationId: ConversationId, userId: UserId, entry: Entry) => void
  readonly limits?: Partial<DeliveryLimits>
}

export const deliveryLimits = {
  graceMs: 200,
  /** Entries held ahead in one conversation; those beyond are fetched later. */
  held: 500,
  fetchItems: 200,
  firstRetryMs: 250,
  lastRetryMs: 5_000,
  /** Untracked conversations whose head is remembered. */
  recentHeads: 10_000,
}
export type DeliveryLimits = typeof deliveryLimits

export interface Delivery {
  /** What `message.stored` brought. */
  stored(conversationId: ConversationId, entries: readonly Entry[]): void
  /** The first socket of this node joins; `head` is what it knows. Entries after it will be emitted. */
  track(conversationId: ConversationId, head: number): void
  /** The last socket of this node has left. */
  untrack(conversationId: ConversationId): void
  /** What `conversation.changed` tells: shows a lost last message. */
  heads(heads: Readonly<Record<ConversationId, number>>): void
  /** The last seq that was emitted here; undefined where the conversation has no sockets. */
  emitted(conversationId: ConversationId): number | undefined
  /** The newest seq that is known to exist, as far as it is remembered. */
  newest(conversationId: ConversationId): number
  close(): void
}

interface Tracked {
  readonly id: ConversationId
  next: number
  /** The newest seq that is known to exist. */
  known: number
  readonly held: Map<number, Entry>
  /** Grace or back-off. */
  timer: { cancel(): void } | undefined
  fetching: boolean
  failures: number
}

export function createDelivery(ports: DeliveryPorts): Delivery {
  const { clock } = ports
  const limits = { ...deliveryLimits, ...ports.limits }
  const tracked = new Map<ConversationId, Tracked>()
  const untracked = recentHeads(limits.recentHeads)

  function start(id: ConversationId, next: number): Tracked {
    const known = Math.max(next - 1, untracked.take(id))
    const conversation: Tracked = {
      id,
      next,
      known,
      held: new Map(),
      timer: undefined,
      fetching: false,
      failures: 0,
    }
    tracked.set(id, conversation)
    return conversation
  }

  function untrack(id: ConversationId): void {
    const conversation = tracked.get(id)
    if (!conversation) return
    conversation.timer?.cancel()
    tracked.delete(id)
    untracked.saw(id, conversation.known)
  }

  function stored(id: ConversationId, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const conversation = tracked.get(id) ?? startFor(id, entry)
      if (conversation) take(conversation, entry)
      else untracked.saw(id, entry.seq)
    }
    const conversation = tracked.get(id)
    if (conversation) settle(conversation, limits.graceMs)
  }

  /** An addition brings an untracked conversation to this node, from that entry on. */
  function startFor(id: ConversationId, entry: Entry): Tracked | undefined {
    if (entry.kind !== 'member' || entry.change !== 'added' || !ports.isLocal(entry.userId)) return undefined
    return start(id, entry.seq)
  }

  function take(conversation: Tracked, entry: Entry): void {
    if (entry.seq < conversation.next) return
    conversation.known = Math.max(conversation.known, entry.seq)
    if (entry.seq > conversation.next) {
      if (conversation.held.size < limits.held) conversation.held.set(entry.seq, entry)
      return
    }
    deliver(conversation, entry)
    release(conversation)
  }

  function release(conversation: Tracked): void {
    while (tracked.get(conversation.id) === conversation) {
      const entry = conversation.held.get(conversation.next)
      if (!entry) return
      deliver(conversation, entry)
    }
    putBack(conversation)
  }

  /** The last member here was removed; what follows may still add someone else. */
  function putBack({ id, held }: Tracked): void {
    const ahead = [...held.values()].sort((a, b) => a.seq - b.seq)
    held.clear()
    stored(id, ahead)
  }

  function deliver(conversation: Tracked, entry: Entry): void {
    conversation.next = entry.seq + 1
    conversation.held.delete(entry.seq)
    ports.emit(conversation.id, entry)
    if (entry.kind !== 'member') return
    if (entry.change === 'removed') ports.removed(conversation.id, entry.userId, entry)
    if (entry.change === 'added' && ports.isLocal(entry.userId)) {
      ports.added(conversation.id, entry.userId, entry)
    }
  }

  /** Current: stops waiting. Behind: sees to it that what is missing is fetched after `waitMs`. */
  function settle(conversation: Tracked, waitMs: number): void {
    if (conversation.next > conversation.known) {
      conversation.timer?.cancel()
      conversation.timer = undefined
      conversation.failures = 0
    } else if (!conversation.fetching) {
      conversation.timer ??= clock.setTimeout(() => {
        conversation.timer = undefined
        void fetchMissing(conversation)
      }, waitMs)
    }
  }

  async function fetchMissing(conversation: Tracked): Promise<void> {
    const { id, next } = conversation
    conversation.fetching = true
    let items: readonly Entry[] = []
    try {
      const page = await ports.fetchEntries(id, next - 1, limits.fetchItems)
      conversation.known = Math.max(conversation.known, page.head)
      items = page.items
    } catch {
      // The entries stay missing: tried again below.
    }
    if (tracked.get(id) !== conversation) return
    // The log may begin later than what was asked for: what it no longer keeps is not missing.
    conversation.next = Math.max(conversation.next, items[0]?.seq ?? 0)
    stored(id, items)
    conversation.fetching = false
    if (tracked.get(id) !== conversation) return
    const moved = conversation.next > next
    conversation.failures = moved ? 0 : conversation.failures + 1
    const retryMs = Math.min(limits.lastRetryMs, limits.firstRetryMs * 2 ** (conversation.failures - 1))
    settle(conversation, moved ? 0 : retryMs)
  }

  return {
    stored,
    untrack,
    track(id, head) {
      const before = tracked.get(id)
      const conversation = before ?? start(id, head + 1)
      conversation.known = Math.max(conversation.known, head)
      // What a new conversation missed has passed already: nothing to wait for.
      settle(conversation, before ? limits.graceMs : 0)
    },
    heads(heads) {
      for (const [key, head] of Object.entries(heads)) {
        const id = key as ConversationId
        const conversation = tracked.get(id)
        if (!conversation) {
          untracked.saw(id, head)
          continue
        }
        conversation.known = Math.max(conversation.known, head)
        settle(conversation, limits.graceMs)
      }
    },
    emitted(id) {
      const conversation = tracked.get(id)
      return conversation && conversation.next - 1
    },
    newest: (id) => tracked.get(id)?.known ?? untracked.newest(id),
    close() {
      for (const id of [...tracked.keys()]) untrack(id)
    },
  }
}
