import type {
  Conversation,
  ConversationId,
  ConversationKind,
  Entry,
  Message,
  User,
  UserId,
} from '@parley/contracts'
import { Refusal } from './faults.ts'

/** A conversation of the stand-in: its log is the truth, `floor` the last seq that is no longer kept. */
export interface Room {
  conversation: Conversation
  readonly members: Set<UserId>
  readonly log: Entry[]
  floor: number
  readonly readSeq: Map<UserId, number>
}

type Change = Entry extends infer E
  ? E extends Entry
    ? Omit<E, 'conversationId' | 'seq' | 'at' | 'by'>
    : never
  : never
type MessageEntry = Extract<Entry, { kind: 'message' }>

/** What `messages` does, from memory. */
export type Rooms = ReturnType<typeof createRooms>

export function createRooms(deps: {
  now(): string
  newId(kind: string): string
  onEntry(room: Room, entry: Entry): void
  onAdded(room: Room, userIds: readonly UserId[]): void
}) {
  const rooms = new Map<ConversationId, Room>()

  function find(conversationId: string, me: User): Room {
    const room = rooms.get(conversationId as ConversationId)
    if (!room?.members.has(me.id)) throw new Refusal('conversation_not_found')
    return room
  }

  function append(room: Room, by: UserId, change: (base: { seq: number; at: string }) => Change): Entry {
    const base = { seq: room.log.length + 1, at: deps.now() }
    const entry = { conversationId: room.conversation.id, by, ...base, ...change(base) } as Entry
    room.log.push(entry)
    deps.onEntry(room, entry)
    return entry
  }

  function post(room: Room, me: User, draft: Record<string, unknown>): { message: Message; fresh: boolean } {
    const known = room.log.find(
      (entry): entry is MessageEntry =>
        entry.kind === 'message' && entry.by === me.id && entry.message.clientId === draft.clientId,
    )
    if (known) return { message: known.message, fresh: false }
    const entry = append(room, me.id, ({ seq, at }) => ({
      kind: 'message',
      message: {
        mentions: [],
        ...(draft as { clientId: string; text: string }),
        conversationId: room.conversation.id,
        seq,
        rev: seq,
        id: deps.newId('m'),
        senderId: me.id,
        createdAt: at,
        reactions: [],
      },
    })) as MessageEntry
    read(room, me, entry.seq)
    return { message: entry.message, fresh: true }
  }

  function read(room: Room, me: User, seq: number): { unread: number } {
    const readSeq = Math.max(room.readSeq.get(me.id) ?? 0, Math.min(seq, room.log.length))
    room.readSeq.set(me.id, readSeq)
    return { unread: stand(room, me).unread }
  }

  function stand(room: Room, me: User) {
    const readSeq = room.readSeq.get(me.id) ?? 0
    const unread = room.log.filter(
      (entry) => entry.kind === 'message' && entry.seq > readSeq && entry.by !== me.id,
    ).length
    return { head: room.log.length, unread, mentions: 0, readSeq }
  }

  function add(room: Room, me: User, userIds: readonly UserId[]): void {
    const fresh = userIds.filter((userId) => !room.members.has(userId))
    for (const userId of fresh) {
      room.members.add(userId)
      const memberIds = [...room.members]
      room.conversation = { ...room.conversation, memberCount: memberIds.length, memberIds }
      append(room, me.id, () => ({ kind: 'member', userId, change: 'added', role: 'member' }))
    }
    deps.onAdded(room, fresh)
  }

  function create(me: User, wish: { kind: ConversationKind; title?: string; memberIds: readonly UserId[] }) {
    const memberIds = [...new Set([me.id, ...wish.memberIds])]
    const pair = wish.kind === 'direct' && [...memberIds].sort().join('-')
    const id = (pair || deps.newId('c')) as ConversationId
    const known = rooms.get(id)
    if (known) return { room: known, fresh: false }
    const { kind, title } = wish
    const conversation: Conversation = {
      id,
      kind,
      ...(title !== undefined && { title }),
      createdAt: deps.now(),
      createdBy: me.id,
      memberCount: 1,
      memberIds: [me.id],
    }
    const room: Room = { conversation, members: new Set([me.id]), log: [], floor: 0, readSeq: new Map() }
    rooms.set(id, room)
    append(room, me.id, () => ({ kind: 'conversation', conversation }))
    add(room, me, memberIds)
    return { room, fresh: true }
  }

  return {
    find,
    post,
    read,
    stand,
    add,
    create,
    get: (conversationId: string) => rooms.get(conversationId as ConversationId),
    /** Latest first. */
    of: (me: User) =>
      [...rooms.values()]
        .filter((room) => room.members.has(me.id))
        .sort((a, b) => ((a.log.at(-1)?.at ?? '') < (b.log.at(-1)?.at ?? '') ? 1 : -1)),
  }
}

export const messagesOf = (room: Room): Message[] =>
  room.log.flatMap((entry) => (entry.kind === 'message' && entry.seq > room.floor ? [entry.message] : []))
