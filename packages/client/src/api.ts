import type {
  AnswerBodyOf,
  Conversation,
  ConversationId,
  Draft,
  Entry,
  HistoryPage,
  Message,
  Presence,
  RouteContract,
  ServerPayload,
  User,
  UserId,
} from '@parley/contracts'
import type { ConnectionState } from './connection.ts'
import type { ParleyError } from './errors.ts'
import type { CallInput } from './http.ts'
import type { OutboxItem } from './outbox.ts'
import type { Clock, Exclusive, OpenSocket, Storage } from './ports.ts'
import type { Synced } from './resync.ts'

export interface ChatOptions {
  /** Where the gateway is, such as `http://localhost:8080`. In a browser: `location.origin`. */
  readonly url: string
  /** Keeps tokens and unsent messages. Default: memory. */
  readonly storage?: Storage
  /** Prefix of the keys in the storage. Default: `parley`. */
  readonly prefix?: string
  /**
   * One task at a time under a name, across all that shares the storage. Default: `navigator.locks`, which all tabs of
   * a browser share; without it, no other tab is expected.
   */
  readonly exclusive?: Exclusive
  /** Shown in the list of sessions. */
  readonly device?: string
  readonly clock?: Clock
  /** 0 ≤ random < 1. */
  readonly random?: () => number
  readonly fetch?: typeof fetch
  readonly openSocket?: OpenSocket
  /** For one HTTP request. Default: 15,000. */
  readonly requestTimeoutMs?: number
  /** For one acknowledgement. A server answers within 30 s; default: 40,000. */
  readonly ackTimeoutMs?: number
}

/** What `send` takes: `clientId` is made where it is missing. */
export type NewMessage = Omit<Draft, 'clientId'> & { readonly clientId?: string }

export interface Sending {
  readonly clientId: string
  /**
   * The stored message. Rejects where it was refused for good, with the server's code, or with `signed_out` where the
   * session ended first; never for a lost connection.
   */
  readonly stored: Promise<Message>
}

export interface ChatEvents {
  connection: ConnectionState
  /** In `seq` order per conversation, each once, without a hole; `reset` tells the only exception. */
  entry: Entry
  /** One of my messages is stored, as an ack or its entry says, whichever is first. */
  stored: Message
  /** A message was refused for good: it stays in the outbox until `retry` or `discard`. */
  failed: OutboxItem
  /** The unsent messages of this conversation changed. */
  outbox: ConversationId
  /**
   * Too much was missed, or the server's data was restored from a backup that ends earlier: forget the conversation's
   * messages and load the newest page again; entries go on after `head`.
   */
  reset: { readonly conversationId: ConversationId; readonly head: number }
  /** After each (re)connection: where every conversation stands. */
  synced: Synced
  'conversation:added': { readonly conversation: Conversation }
  'conversation:removed': { readonly conversationId: ConversationId }
  /** How far I have read, here or on another device. */
  read: ReadState
  receipt: ServerPayload<'receipt'>
  presence: Presence
  typing: { readonly conversationId: ConversationId; readonly userIds: readonly UserId[] }
  signedIn: User
  /** `reason`: a code such as `refresh_expired`, or what the server said when it ended the session. */
  signedOut: { readonly reason: string }
  /** What went wrong where nobody waits for an answer: a bad event, a refused handshake. Nothing stops for it. */
  error: ParleyError
}

/** `mentions` is missing where the server told only the unread count. */
export interface ReadState {
  readonly conversationId: ConversationId
  readonly readSeq: number
  readonly unread: number
  readonly mentions?: number
}

/** One person, one connection. Every promise that rejects, rejects with `ParleyError`. */
export interface Chat {
  readonly url: string
  /** Who is signed in. */
  user(): User | undefined
  connection(): ConnectionState
  /** Returns the function that ends the listening. */
  on<E extends keyof ChatEvents>(event: E, listener: (payload: ChatEvents[E]) => void): () => void

  /** Errors: `username_taken`, `invalid_body`, `rate_limited`. */
  register(account: { username: string; password: string; displayName?: string }): Promise<User>
  /** Errors: `bad_credentials`, `totp_required`, `rate_limited`. */
  login(credentials: { username: string; password: string; totp?: string }): Promise<User>
  /** Ends the session here and on the server, and forgets what is unsent. Never rejects. */
  logout(): Promise<void>
  /**
   * Calls any route of the contracts with the access token, refreshed where it must be. Errors: the route's, `network`,
   * `signed_out`. A call that may be repeated (by its method or its `clientId`) is the caller's to repeat.
   */
  call<R extends RouteContract>(
    route: R,
    input?: CallInput<R>,
    options?: { signal?: AbortSignal },
  ): Promise<AnswerBodyOf<R>>

  /** Connects and stays connected, until `disconnect`. */
  connect(): void
  disconnect(): void
  /** The platform says that the network is back, or gone. */
  networkChanged(online: boolean): void

  /**
   * Sends when it can: now, after a reconnection or, with a storage that lasts, after a reload. Messages of one
   * conversation are stored in the order of these calls, each once. Throws `invalid_body` at once where the message
   * can never be stored. A `clientId` that is unsent already is not queued twice.
   */
  send(conversationId: ConversationId, message: NewMessage): Sending
  /** What is not stored yet, in order: waiting, sent or failed. */
  outbox(conversationId: ConversationId): readonly OutboxItem[]
  outboxSize(): number
  retry(clientId: string): void
  discard(clientId: string): void

  /**
   * A history page: the newest, or the one `before` a seq; `limit` ≤ 200, default 50. With the newest page the
   * conversation is followed from the page's `asOf`: the page and the entries from this call on leave nothing out.
   * Entries that came while it was under way may be folded in already: apply those with `seq > rev`.
   */
  history(
    conversationId: ConversationId,
    options?: { before?: number; limit?: number; signal?: AbortSignal },
  ): Promise<HistoryPage>
  /**
   * Deliver the entries of this conversation after this seq, if it is not followed yet. A conversation that nobody
   * asked for is followed from where it stood when the connection was made.
   */
  follow(conversationId: ConversationId, after: number): void
  /** The seq up to which entries were delivered. */
  cursor(conversationId: ConversationId): number | undefined
  /** I have seen everything up to this seq. Told now or after a reconnection; never moves back. */
  markRead(conversationId: ConversationId, seq: number): void
  /** I pressed a key; says so at most every 3 s, and that I stopped after 4 s. */
  pressedKey(conversationId: ConversationId): void
  typing(conversationId: ConversationId): readonly UserId[]
  /** Hear of these people (at most 500), instead of those before. Lasts over reconnections. */
  watchPresence(userIds: readonly UserId[]): void
}
