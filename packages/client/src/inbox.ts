import type {
  Conversation,
  ConversationId,
  ConversationSummary,
  Entry,
  SyncedConversation,
  UserId,
} from '@parley/contracts'

/** `counted`: `unread` and `mentions` include every message up to this seq, which may be ahead of `head`. */
export type InboxItem = ConversationSummary & { readonly counted: number }

/**
 * The list of my conversations with unread counts: a pure fold of list pages, entries, read markers and syncs.
 * Unread counts messages after my `readSeq` that are not mine and not in a thread; a deleted one still counts.
 */
export interface Inbox {
  readonly me: UserId
  readonly items: ReadonlyMap<ConversationId, InboxItem>
  /** Entries of conversations that are not listed, kept while a page of the list is under way. */
  readonly late: readonly Entry[]
  readonly loading: boolean
  /** Where the list goes on; undefined when all of it was loaded, null before the first page. */
  readonly cursor: string | null | undefined
}

export function emptyInbox(me: UserId): Inbox {
  return { me, items: new Map(), late: [], loading: false, cursor: null }
}

/** Latest first, by the last message or else the creation. */
export function listed(inbox: Inbox): readonly InboxItem[] {
  const when = (item: InboxItem) => item.lastMessage?.createdAt ?? item.conversation.createdAt
  return [...inbox.items.values()].sort((a, b) => (when(a) < when(b) ? 1 : when(a) > when(b) ? -1 : 0))
}

export function unreadInAll(inbox: Inbox): number {
  let total = 0
  for (const item of inbox.items.values()) if (!item.muted) total += item.unread
  return total
}

export const listRequested = (inbox: Inbox): Inbox => ({ ...inbox, loading: true })
export const listFailed = (inbox: Inbox): Inbox => ({ ...inbox, loading: false, late: [] })

/** `more`: the page continues the list; else it is the first one, read again. */
export function applyList(
  inbox: Inbox,
  page: { items: readonly ConversationSummary[]; cursor?: string | undefined },
  more: boolean,
): Inbox {
  const items = new Map(inbox.items)
  for (const summary of page.items) {
    const known = items.get(summary.conversation.id)
    if (!known || summary.head >= known.head) items.set(summary.conversation.id, mergeRead(summary, known))
  }
  const cursor = more || inbox.cursor === null ? page.cursor : inbox.cursor
  return inbox.late.reduce(applyEntryToInbox, { ...inbox, items, cursor, loading: false, late: [] })
}

/** A page may have been read before I marked something read. */
function mergeRead(summary: ConversationSummary, known: InboxItem | undefined): InboxItem {
  const item = { ...summary, counted: summary.head }
  if (!known || known.readSeq <= summary.readSeq) return item
  return { ...item, readSeq: known.readSeq, unread: known.unread, mentions: known.mentions }
}

export function applyEntryToInbox(inbox: Inbox, entry: Entry): Inbox {
  const item = inbox.items.get(entry.conversationId)
  if (!item) return inbox.loading ? { ...inbox, late: [...inbox.late, entry] } : inbox
  if (entry.seq <= item.head) return inbox
  return put(inbox, { ...foldEntry(item, entry, inbox.me), head: entry.seq })
}

function foldEntry(item: InboxItem, entry: Entry, me: UserId): InboxItem {
  switch (entry.kind) {
    case 'message': {
      const { message } = entry
      if (message.threadOf !== undefined) return item
      if (message.senderId === me) {
        const readSeq = Math.max(item.readSeq, message.seq)
        return { ...item, lastMessage: message, readSeq, unread: 0, mentions: 0 }
      }
      if (message.seq <= Math.max(item.readSeq, item.counted)) return { ...item, lastMessage: message }
      const mentions = item.mentions + (message.mentions.includes(me) ? 1 : 0)
      return { ...item, lastMessage: message, unread: item.unread + 1, mentions }
    }
    case 'edit':
      if (item.lastMessage?.seq !== entry.target) return item
      return { ...item, lastMessage: { ...item.lastMessage, text: entry.message.text, rev: entry.seq } }
    case 'delete':
      if (item.lastMessage?.seq !== entry.target) return item
      return {
        ...item,
        lastMessage: { ...item.lastMessage, text: '', deletedAt: entry.at, rev: entry.seq },
      }
    case 'conversation':
      return { ...item, conversation: { ...item.conversation, ...entry.conversation } }
    case 'member':
      return { ...item, conversation: foldMember(item.conversation, entry) }
    case 'reaction':
    case 'pin':
      return item
  }
}

function foldMember(conversation: Conversation, entry: Extract<Entry, { kind: 'member' }>): Conversation {
  if (entry.change === 'role') return conversation
  const ids = conversation.memberIds
  const there = ids?.includes(entry.userId)
  // A conversation that I was just told of may already list who was added.
  if (there !== undefined && there === (entry.change === 'added')) return conversation
  const memberCount = Math.max(0, conversation.memberCount + (entry.change === 'added' ? 1 : -1))
  if (!ids) return { ...conversation, memberCount }
  const memberIds =
    entry.change === 'added' ? [...ids, entry.userId] : ids.filter((id) => id !== entry.userId)
  return { ...conversation, memberCount, memberIds }
}

export function applyRead(
  inbox: Inbox,
  read: {
    conversationId: ConversationId
    readSeq: number
    unread: number
    mentions?: number | undefined
  },
): Inbox {
  const item = inbox.items.get(read.conversationId)
  if (!item || read.readSeq < item.readSeq) return inbox
  const mentions = read.mentions ?? (read.unread === 0 ? 0 : item.mentions)
  return put(inbox, { ...item, readSeq: read.readSeq, unread: read.unread, mentions })
}

/** What a sync says counts only where it is not older than what is known. */
export function applySynced(inbox: Inbox, synced: readonly SyncedConversation[]): Inbox {
  return synced.reduce((state, { id, head, unread, mentions, readSeq }) => {
    const item = state.items.get(id)
    if (!item || readSeq < item.readSeq || head < item.head) return state
    return put(state, { ...item, unread, mentions, readSeq, counted: head })
  }, inbox)
}

/** After a `reset`: a log that was restored from a backup may end before what is known of it. */
export function applyReset(inbox: Inbox, conversationId: ConversationId, head: number): Inbox {
  const item = inbox.items.get(conversationId)
  if (!item || item.head <= head) return inbox
  return put(inbox, {
    ...item,
    head,
    counted: Math.min(item.counted, head),
    readSeq: Math.min(item.readSeq, head),
    lastMessage: item.lastMessage && item.lastMessage.seq <= head ? item.lastMessage : null,
  })
}

export function addConversation(inbox: Inbox, conversation: Conversation): Inbox {
  const item = inbox.items.get(conversation.id)
  if (item) return put(inbox, { ...item, conversation })
  return put(inbox, {
    conversation,
    head: 0,
    unread: 0,
    mentions: 0,
    readSeq: 0,
    lastMessage: null,
    muted: false,
    counted: 0,
  })
}

export function removeConversation(inbox: Inbox, conversationId: ConversationId): Inbox {
  if (!inbox.items.has(conversationId)) return inbox
  const items = new Map(inbox.items)
  items.delete(conversationId)
  return { ...inbox, items }
}

function put(inbox: Inbox, summary: InboxItem): Inbox {
  return { ...inbox, items: new Map(inbox.items).set(summary.conversation.id, summary) }
}
