import {
  type ConnectionState,
  type ConversationView,
  emptyInbox,
  type Inbox,
  type OutboxItem,
  type ReadState,
  type Synced,
} from '@parley/client'
import type {
  Conversation,
  ConversationId,
  ConversationSummary,
  Entry,
  HistoryPage,
  Message,
  Presence,
  PublicUser,
  User,
  UserId,
} from '@parley/contracts'

/** A conversation that is or was open: its messages, and what only matters while someone looks at it. */
export interface Room {
  readonly view: ConversationView
  /** Who came and went, and how the conversation was named; ascending by seq. */
  readonly lines: readonly Entry[]
  /** The last page could not be loaded. */
  readonly failed: boolean
  /** It is on the screen, the window is in front, and its end is in sight. */
  readonly attended: boolean
  /** Up to this seq it was in sight. */
  readonly seenTo: number
  /** What came by then was there when it was opened: no news to read aloud. */
  readonly openedAt?: number
  /** "New messages" stands before the first message of others after this seq. */
  readonly newAfter?: number
}

/** What there is while someone is signed in. */
export interface Session {
  readonly me: User
  readonly inbox: Inbox
  /** The list of conversations could not be loaded. */
  readonly listFailed: boolean
  readonly open?: ConversationId
  readonly rooms: ReadonlyMap<ConversationId, Room>
  readonly outboxes: ReadonlyMap<ConversationId, readonly OutboxItem[]>
  readonly people: ReadonlyMap<UserId, PublicUser>
  readonly presence: ReadonlyMap<UserId, Presence>
  readonly typing: ReadonlyMap<ConversationId, readonly UserId[]>
}

export interface State {
  readonly session?: Session
  /** Why the last session ended, where nobody signed out here. */
  readonly ended?: string
  readonly connection: ConnectionState
}

export type Happening =
  | { readonly type: 'signed-in'; readonly user: User }
  | { readonly type: 'signed-out'; readonly reason: string }
  | { readonly type: 'connection'; readonly connection: ConnectionState }
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'stored'; readonly message: Message }
  | {
      readonly type: 'outbox'
      readonly conversationId: ConversationId
      readonly items: readonly OutboxItem[]
    }
  | { readonly type: 'synced'; readonly synced: Synced }
  | { readonly type: 'added'; readonly conversation: Conversation }
  | { readonly type: 'removed'; readonly conversationId: ConversationId }
  | { readonly type: 'read'; readonly read: ReadState }
  | { readonly type: 'presence'; readonly presence: Presence }
  | {
      readonly type: 'typing'
      readonly conversationId: ConversationId
      readonly userIds: readonly UserId[]
    }
  | { readonly type: 'people'; readonly people: readonly PublicUser[] }
  | { readonly type: 'list-requested' }
  | {
      readonly type: 'list-loaded'
      readonly items: readonly ConversationSummary[]
      readonly cursor?: string | undefined
      readonly more: boolean
    }
  | { readonly type: 'list-failed' }
  | { readonly type: 'opened'; readonly conversationId: ConversationId }
  | { readonly type: 'left' }
  /** Too much was missed, or it was never loaded: begin again with the newest page. */
  | { readonly type: 'emptied'; readonly conversationId: ConversationId; readonly head: number }
  | { readonly type: 'page-requested'; readonly conversationId: ConversationId }
  | {
      readonly type: 'page-loaded'
      readonly page: HistoryPage
      readonly conversationId: ConversationId
    }
  | { readonly type: 'page-failed'; readonly conversationId: ConversationId }
  | {
      readonly type: 'lines-loaded'
      readonly conversationId: ConversationId
      readonly entries: readonly Entry[]
    }
  | {
      readonly type: 'attention'
      readonly conversationId: ConversationId
      readonly attended: boolean
    }

export const initialState: State = { connection: { status: 'idle' } }

export const newSession = (me: User): Session => ({
  me,
  inbox: emptyInbox(me.id),
  listFailed: false,
  rooms: new Map(),
  outboxes: new Map(),
  people: new Map([[me.id, me]]),
  presence: new Map(),
  typing: new Map(),
})
