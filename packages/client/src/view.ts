import type { ConversationId, Entry, HistoryPage, Message, UserId } from '@parley/contracts'

/**
 * The messages of a conversation as a person sees them: a pure fold of history pages and entries.
 *
 * A page was read at some `asOf`, and entries come while it is under way. Each message carries `rev`, the seq of the
 * last entry folded into it, and an entry changes it only if `entry.seq > rev`: so pages and entries may come in any
 * order and more than once. A change to a message that is not loaded yet is kept in `late` while a page is under way,
 * for that page may have been read before the change.
 */
export interface ConversationView {
  readonly conversationId: ConversationId
  readonly me: UserId
  /** Ascending by seq. Complete from `from` on, once a page was loaded. */
  readonly messages: readonly Message[]
  /** The lowest seq that is loaded; undefined before the first page. */
  readonly from?: number
  readonly hasOlder: boolean
  readonly loading: boolean
  readonly late: readonly Entry[]
}

export function emptyView(conversationId: ConversationId, me: UserId): ConversationView {
  return { conversationId, me, messages: [], hasOlder: true, loading: false, late: [] }
}

/** A page is under way: from now on changes to messages that are not loaded are kept for it. */
export function pageRequested(view: ConversationView): ConversationView {
  return { ...view, loading: true }
}

export function pageFailed(view: ConversationView): ConversationView {
  return { ...view, loading: false, late: view.from === undefined ? view.late : [] }
}

/** Folds in the newest page, or the one before what is loaded. */
export function applyPage(view: ConversationView, page: HistoryPage): ConversationView {
  const known = new Map(view.messages.map((message) => [message.seq, message]))
  for (const message of page.items) {
    const mine = known.get(message.seq)
    if (!mine || message.rev > mine.rev) known.set(message.seq, message)
  }
  const messages = [...known.values()].sort((a, b) => a.seq - b.seq)
  const from = Math.min(view.from ?? Number.POSITIVE_INFINITY, page.fromSeq)
  const hasOlder = view.from === undefined || page.fromSeq < view.from ? page.hasMore : view.hasOlder
  const loaded: ConversationView = { ...view, messages, from, hasOlder, loading: false, late: [] }
  return view.late.reduce(applyEntry, loaded)
}

/** Folds in one entry. Doubled and old entries change nothing. */
export function applyEntry(view: ConversationView, entry: Entry): ConversationView {
  switch (entry.kind) {
    case 'message':
      return keepLate(insert(view, entry.message), view.from === undefined, entry)
    case 'edit':
      return change(view, entry.target, entry, (message) => ({
        ...message,
        text: entry.message.text,
        mentions: entry.message.mentions,
        editedAt: entry.message.editedAt ?? entry.at,
      }))
    case 'delete':
      return change(view, entry.target, entry, (message) => ({
        ...message,
        text: '',
        mentions: [],
        reactions: [],
        deletedAt: entry.at,
      }))
    case 'reaction':
      return change(view, entry.target, entry, (message) => ({
        ...message,
        reactions: react(message.reactions, entry, view.me),
      }))
    case 'pin':
      return change(view, entry.target, entry, (message) => message)
    case 'member':
    case 'conversation':
      return view
  }
}

/** A message that an acknowledgement brought; its entry may come before or after. */
export function insert(view: ConversationView, message: Message): ConversationView {
  const index = lowerBound(view.messages, message.seq)
  const known = view.messages[index]
  if (known?.seq === message.seq) {
    if (message.rev <= known.rev) return view
    return { ...view, messages: view.messages.with(index, message) }
  }
  if (view.from !== undefined && message.seq < view.from) return view
  return { ...view, messages: view.messages.toSpliced(index, 0, message) }
}

function change(
  view: ConversationView,
  target: number,
  entry: Entry,
  apply: (message: Message) => Message,
): ConversationView {
  const index = lowerBound(view.messages, target)
  const message = view.messages[index]
  if (message?.seq !== target) return keepLate(view, true, entry)
  if (entry.seq <= message.rev) return view
  return { ...view, messages: view.messages.with(index, { ...apply(message), rev: entry.seq }) }
}

function keepLate(view: ConversationView, when: boolean, entry: Entry): ConversationView {
  return when && (view.loading || view.from === undefined) ? { ...view, late: [...view.late, entry] } : view
}

function react(
  reactions: Message['reactions'],
  entry: Extract<Entry, { kind: 'reaction' }>,
  me: UserId,
): Message['reactions'] {
  const mine = entry.userId === me
  const known = reactions.find((reaction) => reaction.emoji === entry.emoji)
  if (!known) {
    return entry.on
      ? [...reactions, { emoji: entry.emoji, count: 1, mine, userIds: [entry.userId] }]
      : reactions
  }
  const others = known.userIds.filter((userId) => userId !== entry.userId)
  const count = known.count + (entry.on ? 1 : -1)
  const next = {
    ...known,
    count,
    mine: mine ? entry.on : known.mine,
    userIds: entry.on ? [...others, entry.userId].slice(0, 20) : others,
  }
  return reactions.flatMap((reaction) => (reaction !== known ? [reaction] : count > 0 ? [next] : []))
}

function lowerBound(messages: readonly Message[], seq: number): number {
  let low = 0
  let high = messages.length
  // New messages come at the end nearly always.
  if (high > 0 && (messages[high - 1]?.seq ?? 0) < seq) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((messages[middle]?.seq ?? 0) < seq) low = middle + 1
    else high = middle
  }
  return low
}
