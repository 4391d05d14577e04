import {
  addConversation,
  applyEntryToInbox,
  applyList,
  applyRead,
  applyReset,
  applySynced,
  listFailed,
  listRequested,
  removeConversation,
} from '@parley/client'
import type { ConversationId } from '@parley/contracts'
import {
  addLines,
  attendRoom,
  enterRoom,
  leaveRoom,
  newRoom,
  roomEntry,
  roomFailed,
  roomLoaded,
  roomRequested,
  storedInRoom,
} from './rooms.ts'
import { type Happening, newSession, type Room, type Session, type State } from './state.ts'

/** Rooms that stay in memory; the one that was opened the longest ago goes first. */
const keptRooms = 8

/** What the app shows after something happened. Pure. */
export function fold(state: State, happening: Happening): State {
  switch (happening.type) {
    case 'signed-in': {
      const { ended: _, ...rest } = state
      return { ...rest, session: newSession(happening.user) }
    }
    case 'signed-out':
      return {
        connection: { status: 'idle' },
        ...(happening.reason !== 'logout' && { ended: happening.reason }),
      }
    case 'connection':
      return { ...state, connection: happening.connection }
    default: {
      if (!state.session) return state
      const session = foldSession(state.session, happening)
      return session === state.session ? state : { ...state, session }
    }
  }
}

type SessionHappening = Exclude<Happening, { type: 'signed-in' | 'signed-out' | 'connection' }>

function foldSession(session: Session, happening: SessionHappening): Session {
  const { inbox } = session
  switch (happening.type) {
    case 'entry': {
      const { entry } = happening
      const next = { ...session, inbox: applyEntryToInbox(inbox, entry) }
      return changeRoom(next, entry.conversationId, (room) => roomEntry(room, entry))
    }
    case 'stored': {
      const { message } = happening
      return changeRoom(session, message.conversationId, (room) => storedInRoom(room, message))
    }
    case 'outbox': {
      const outboxes = new Map(session.outboxes)
      if (happening.items.length > 0) outboxes.set(happening.conversationId, happening.items)
      else outboxes.delete(happening.conversationId)
      return { ...session, outboxes }
    }
    case 'synced':
      return { ...session, inbox: applySynced(inbox, happening.synced.conversations) }
    case 'added':
      return { ...session, inbox: addConversation(inbox, happening.conversation) }
    case 'removed':
      return removed(session, happening.conversationId)
    case 'read':
      return { ...session, inbox: applyRead(inbox, happening.read) }
    case 'presence': {
      const { presence } = happening
      const known = session.presence.get(presence.userId)
      if ((presence.rev ?? 0) < (known?.rev ?? 0)) return session
      return { ...session, presence: new Map(session.presence).set(presence.userId, presence) }
    }
    case 'typing':
      return {
        ...session,
        typing: new Map(session.typing).set(happening.conversationId, happening.userIds),
      }
    case 'people': {
      const people = new Map(session.people)
      for (const person of happening.people) people.set(person.id, person)
      return { ...session, people }
    }
    case 'list-requested':
      return { ...session, inbox: listRequested(inbox) }
    case 'list-loaded':
      return { ...session, listFailed: false, inbox: applyList(inbox, happening, happening.more) }
    case 'list-failed':
      return { ...session, listFailed: true, inbox: listFailed(inbox) }
    case 'opened':
      return opened(session, happening.conversationId)
    case 'left':
      return left(session)
    case 'emptied': {
      const { conversationId, head } = happening
      const emptied = { ...session, inbox: applyReset(inbox, conversationId, head) }
      return changeRoom(emptied, conversationId, (room) => ({
        ...newRoom(conversationId, session.me.id),
        seenTo: Math.min(room.seenTo, head),
      }))
    }
    case 'page-requested':
      return changeRoom(session, happening.conversationId, roomRequested)
    case 'page-loaded':
      return changeRoom(session, happening.conversationId, (room) => roomLoaded(room, happening.page))
    case 'page-failed':
      return changeRoom(session, happening.conversationId, roomFailed)
    case 'lines-loaded':
      return changeRoom(session, happening.conversationId, (room) => addLines(room, happening.entries))
    case 'attention':
      return changeRoom(session, happening.conversationId, (room) => attendRoom(room, happening.attended))
  }
}

function changeRoom(session: Session, conversationId: ConversationId, change: (room: Room) => Room): Session {
  const room = session.rooms.get(conversationId)
  const next = room && change(room)
  if (!next || next === room) return session
  return { ...session, rooms: new Map(session.rooms).set(conversationId, next) }
}

function opened(session: Session, conversationId: ConversationId): Session {
  const before = left(session)
  const item = before.inbox.items.get(conversationId)
  const room = before.rooms.get(conversationId) ?? newRoom(conversationId, session.me.id)
  const rooms = new Map(before.rooms)
  rooms.delete(conversationId)
  rooms.set(conversationId, enterRoom(room, item?.readSeq ?? room.seenTo, item?.unread ?? 0))
  for (const id of [...rooms.keys()].slice(0, -keptRooms)) rooms.delete(id)
  return { ...before, open: conversationId, rooms }
}

function left(session: Session): Session {
  const { open, ...rest } = session
  return open === undefined ? session : changeRoom(rest, open, leaveRoom)
}

function removed(session: Session, conversationId: ConversationId): Session {
  const rooms = new Map(session.rooms)
  rooms.delete(conversationId)
  return { ...session, rooms, inbox: removeConversation(session.inbox, conversationId) }
}
