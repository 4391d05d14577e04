import {
  type Conversation,
  type ConversationId,
  type ConversationSummary,
  limits,
  type SyncAnswer,
  type SyncedConversation,
  type SyncRequest,
  type UserId,
} from '@parley/contracts'
import { ChatError, type Logger } from '@parley/kit'
import { toConversation, toMessage } from './entries.ts'
import { isMember } from './log/fold.ts'
import type { ConversationLog } from './log/index.ts'
import type { View } from './log/view.ts'
import type { People, ReadMarker } from './people.ts'
import { unreadOf } from './unread.ts'

/** A client that is so many entries behind loads a page instead of catching up. */
const resetAfter = 1_000

export interface Conversations {
  /** The conversation as it is now, for a member: to everyone else it does not exist. */
  forMember(id: ConversationId, user: UserId): Promise<View>
  notFound(id: ConversationId): ChatError
  show(view: View): Conversation
  list(
    user: UserId,
    cursor: string | undefined,
    limit: number,
  ): Promise<{ items: ConversationSummary[]; cursor?: string }>
  sync(user: UserId, request: SyncRequest): Promise<SyncAnswer>
  heads(user: UserId): Promise<{ conversationId: ConversationId; head: number }[]>
  markRead(
    id: ConversationId,
    user: UserId,
    seq: number,
  ): Promise<{ readSeq: number; unread: number; mentions: number }>
  acquaintances(user: UserId, others: readonly UserId[]): Promise<UserId[]>
}

export function createConversations(log: ConversationLog, people: People, logger: Logger): Conversations {
  const notFound = (id: string): ChatError =>
    new ChatError('conversation_not_found', { extra: { conversationId: id } })

  async function forMember(id: ConversationId, user: UserId): Promise<View> {
    const view = await log.views.current(id)
    if (!isMember(view.fold, user)) throw notFound(id)
    return view
  }

  function show(view: View): Conversation {
    const conversation = toConversation(view.id as ConversationId, view.fold)
    if (!conversation) throw notFound(view.id)
    return conversation
  }

  /** All conversations of a person, latest message first. The inbox says where to look, the log who is a member. */
  async function mine(user: UserId): Promise<View[]> {
    return (await readMine(user)).views
  }

  /** One that cannot be read must not keep a person from all the others. */
  async function readMine(user: UserId): Promise<{ views: View[]; unreadable: Set<string> }> {
    const unreadable = new Set<string>()
    const read = async (id: ConversationId): Promise<View | undefined> => {
      try {
        return await log.views.current(id)
      } catch (error) {
        if (error instanceof ChatError && error.code === 'unavailable') throw error
        logger.error({ err: error, conversation: id, alarm: true }, 'a conversation cannot be read')
        unreadable.add(id)
        return undefined
      }
    }
    const all = await Promise.all((await people.conversations(user)).map(read))
    const views = all.filter((view) => view !== undefined).filter((view) => isMember(view.fold, user))
    return { views: views.sort((a, b) => compareKeys(sortKey(b), sortKey(a))), unreadable }
  }

  function page(views: View[], cursor: string | undefined, limit: number): { part: View[]; next?: string } {
    const from = cursor === undefined ? 0 : views.findIndex((view) => compareKeys(sortKey(view), cursor) < 0)
    const part = from < 0 ? [] : views.slice(from, from + limit)
    const last = part.at(-1)
    return last && from + limit < views.length ? { part, next: sortKey(last) } : { part }
  }

  const markerOf = (markers: Map<ConversationId, ReadMarker>, view: View): ReadMarker =>
    markers.get(view.id as ConversationId) ?? { readSeq: 0, count: 0 }

  function synced(
    view: View,
    user: UserId,
    marker: ReadMarker,
    cursors: SyncRequest['cursors'],
  ): SyncedConversation {
    const id = view.id as ConversationId
    const head = view.fold.seq
    const known = cursors[id]
    // Ahead of the log: the store was restored from a backup, and what comes next has numbers that were there before.
    const reset = known !== undefined && (known > head || head - known > resetAfter)
    return { id, head, ...unreadOf(view.fold, user, marker), ...(reset ? { reset: true as const } : {}) }
  }

  return {
    forMember,
    notFound,
    show,
    async list(user, cursor, limit) {
      const [views, markers] = await Promise.all([mine(user), people.readMarkers(user)])
      const { part, next } = page(views, cursor, limit)
      const items = part.map((view): ConversationSummary => {
        const { lastMessage } = view.fold
        return {
          conversation: show(view),
          head: view.fold.seq,
          ...unreadOf(view.fold, user, markerOf(markers, view)),
          lastMessage: lastMessage && toMessage(view.id as ConversationId, lastMessage),
          muted: false,
        }
      })
      return next === undefined ? { items } : { items, cursor: next }
    },
    async sync(user, { cursors, cursor }) {
      const [{ views, unreadable }, markers] = await Promise.all([readMine(user), people.readMarkers(user)])
      const { part, next } = page(views, cursor, limits.pageItems)
      const held = new Set(views.map((view) => view.id))
      // Said once, on the first page.
      const named = cursor === undefined ? (Object.keys(cursors) as ConversationId[]) : []
      return {
        conversations: part.map((view) => synced(view, user, markerOf(markers, view), cursors)),
        gone: named.filter((id) => !held.has(id) && !unreadable.has(id)),
        ...(next === undefined ? {} : { cursor: next }),
      }
    },
    async heads(user) {
      return (await mine(user)).map((view) => ({
        conversationId: view.id as ConversationId,
        head: view.fold.seq,
      }))
    },
    async markRead(id, user, seq) {
      const view = await forMember(id, user)
      const readSeq = Math.min(seq, view.fold.seq)
      const count = await log.history.countUpTo(view, readSeq)
      const marker = await people.moveReadMarker(user, id, { readSeq, count })
      return unreadOf(view.fold, user, marker)
    },
    async acquaintances(user, others) {
      const views = await mine(user)
      return others.filter((other) => other === user || views.some((view) => isMember(view.fold, other)))
    },
  }
}

/** Latest message first; the id decides between equals, so that a cursor names one place. */
const sortKey = (view: View): string => `${view.fold.lastMessage?.at ?? view.fold.createdAt ?? ''}~${view.id}`
const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
