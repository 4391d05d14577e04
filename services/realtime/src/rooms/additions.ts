import type { Conversation, ConversationId, Entry, UserId } from '@parley/contracts'
import type { Clock } from '@parley/kit'

/**
 * Brings people into a conversation while they are connected. `conversation:added` needs the conversation, which must be
 * fetched, and must come before the entries that follow the addition: so from the addition on entries are kept for the
 * newcomers, and *announce → kept entries → live* happens in one go when the conversation is there.
 *
 * The fetched conversation decides who comes in: an old event that comes again adds nobody who was removed since, and
 * of several additions that overtook each other the one that arrived is enough for all members here.
 */
export interface AdditionPorts {
  readonly clock: Clock
  readonly fetchConversation: (
    id: ConversationId,
  ) => Promise<{ conversation: Conversation; memberIds: readonly UserId[] } | 'gone'>
  readonly isLocal: (userId: UserId) => boolean
  /** To those sockets of the user that are not in the conversation yet: they join it now. */
  readonly welcome: (userId: UserId, conversation: Conversation, entries: readonly Entry[]) => void
  /** Nobody is being added any more. */
  readonly settled: (id: ConversationId) => void
}

export interface Additions {
  /** `entry` was just emitted to the conversation. */
  emitted(id: ConversationId, entry: Entry): void
  added(id: ConversationId, userId: UserId, entry?: Entry): void
  removed(id: ConversationId, userId: UserId): void
  /** All members here come in soon. */
  isPending(id: ConversationId): boolean
}

interface Pending {
  /** Since the first addition. */
  entries: Entry[]
  /** Where in `entries` each newcomer begins. */
  readonly users: Map<UserId, number>
  /** Since the fetch may have begun: it does not know. */
  readonly removed: Set<UserId>
  /** Grows with each addition: who was added while a fetch was under way needs the next one. */
  additions: number
}

/** Beyond it the newcomers see a gap in `seq` and fetch by themselves. */
const mostEntries = 1_000
const firstRetryMs = 100
const lastRetryMs = 5_000

export function createAdditions(ports: AdditionPorts): Additions {
  const pending = new Map<ConversationId, Pending>()

  function added(id: ConversationId, userId: UserId, entry?: Entry): void {
    const before = pending.get(id)
    const waiting = before ?? {
      entries: entry ? [entry] : [],
      users: new Map<UserId, number>(),
      removed: new Set<UserId>(),
      additions: 0,
    }
    // The newcomer's own addition is the last of the entries, or, without one, all that follow are theirs.
    waiting.users.set(userId, Math.max(0, waiting.entries.length - (entry ? 1 : 0)))
    waiting.removed.delete(userId)
    waiting.additions += 1
    if (before) return
    pending.set(id, waiting)
    // After all additions of this turn: a new conversation adds all its members at once.
    queueMicrotask(() => void fetch(id, waiting, 0))
  }

  async function fetch(id: ConversationId, waiting: Pending, failures: number): Promise<void> {
    const { additions } = waiting
    const found = await ports.fetchConversation(id).catch(() => undefined)
    if (![...waiting.users.keys()].some(ports.isLocal) || found === 'gone') return settle(id)
    if (!found) {
      const retryMs = Math.min(lastRetryMs, firstRetryMs * 2 ** failures)
      ports.clock.setTimeout(() => void fetch(id, waiting, failures + 1), retryMs)
      return
    }
    if (waiting.additions > additions) return fetch(id, waiting, 0)
    for (const userId of found.memberIds) {
      if (!ports.isLocal(userId) || waiting.removed.has(userId)) continue
      ports.welcome(userId, found.conversation, waiting.entries.slice(waiting.users.get(userId) ?? 0))
    }
    settle(id)
  }

  function settle(id: ConversationId): void {
    pending.delete(id)
    ports.settled(id)
  }

  return {
    added,
    isPending: (id) => pending.has(id),
    emitted(id, entry) {
      const waiting = pending.get(id)
      if (!waiting) return
      waiting.entries.push(entry)
      if (waiting.entries.length <= mostEntries) return
      waiting.entries = []
      for (const userId of waiting.users.keys()) waiting.users.set(userId, 0)
    },
    removed(id, userId) {
      pending.get(id)?.users.delete(userId)
      pending.get(id)?.removed.add(userId)
    },
  }
}
