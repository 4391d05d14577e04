import type { InboxItem, OutboxItem } from '@parley/client'
import type {
  Conversation,
  ConversationId,
  Entry,
  HistoryPage,
  Message,
  User,
  UserId,
} from '@parley/contracts'
import { fold } from './fold.ts'
import { type Happening, initialState, type Session, type State } from './state.ts'

export const room = 'room' as ConversationId
export const ann = 'ann' as UserId
export const bob = 'bob' as UserId
export const cem = 'cem' as UserId

export const user = (id: UserId): User => ({
  id,
  username: id,
  displayName: `${id[0]?.toUpperCase()}${id.slice(1)}`,
  createdAt: at(0),
})

/** Minutes after noon of a day. */
export function at(minutes: number): string {
  return new Date(new Date(2026, 2, 10, 12).getTime() + minutes * 60_000).toISOString()
}

export const message = (seq: number, senderId: UserId = bob, more: Partial<Message> = {}): Message => ({
  conversationId: room,
  seq,
  rev: seq,
  id: `m${seq}`,
  senderId,
  clientId: `c${seq}`,
  text: `text ${seq}`,
  createdAt: at(seq),
  mentions: [],
  reactions: [],
  ...more,
})

export const said = (seq: number, senderId: UserId = bob, more: Partial<Message> = {}): Entry => ({
  kind: 'message',
  conversationId: room,
  seq,
  at: at(seq),
  by: senderId,
  message: message(seq, senderId, more),
})

export const memberLine = (
  seq: number,
  by: UserId,
  userId: UserId,
  change: 'added' | 'removed' = 'added',
): Entry => ({ kind: 'member', conversationId: room, seq, at: at(seq), by, userId, change })

export const conversation: Conversation = {
  id: room,
  kind: 'group',
  title: 'Room',
  createdAt: at(0),
  createdBy: ann,
  memberCount: 2,
  memberIds: [ann, bob],
}

const summary = (more: Partial<InboxItem> = {}) => ({
  conversation,
  head: 0,
  unread: 0,
  mentions: 0,
  readSeq: 0,
  lastMessage: null,
  muted: false,
  ...more,
})

export const page = (items: readonly Message[], more: Partial<HistoryPage> = {}): HistoryPage => {
  const head = items.at(-1)?.seq ?? 0
  return { items: [...items], fromSeq: 1, toSeq: head, asOf: head, head, hasMore: false, ...more }
}

export const unsent = (clientId: string, more: Partial<OutboxItem> = {}): OutboxItem => ({
  conversationId: room,
  draft: { clientId, text: `unsent ${clientId}` },
  queuedAt: Date.parse(at(100)),
  order: 0,
  state: 'waiting',
  attempt: 0,
  ...more,
})

/** What the app shows to Ann after all this. */
export const after = (...happenings: readonly Happening[]): State =>
  [{ type: 'signed-in', user: user(ann) } as const, ...happenings].reduce(fold, initialState)

export function sessionAfter(...happenings: readonly Happening[]): Session {
  const { session } = after(...happenings)
  if (!session) throw new Error('nobody is signed in')
  return session
}

export const listed = (more: Partial<InboxItem> = {}): Happening => ({
  type: 'list-loaded',
  items: [summary(more)],
  more: false,
})
export const opened: Happening = { type: 'opened', conversationId: room }
export const loaded = (items: readonly Message[], more: Partial<HistoryPage> = {}): Happening => ({
  type: 'page-loaded',
  conversationId: room,
  page: page(items, more),
})
export const attended = (is: boolean): Happening => ({
  type: 'attention',
  conversationId: room,
  attended: is,
})
export const entry = (what: Entry): Happening => ({ type: 'entry', entry: what })
