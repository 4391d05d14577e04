import { applyEntry, applyPage, emptyView, insert, pageFailed, pageRequested } from '@parley/client'
import type { ConversationId, Entry, HistoryPage, Message, UserId } from '@parley/contracts'
import type { Room } from './state.ts'

/** Messages that stay loaded when a conversation is left: enough to fill a screen when it is opened again. */
const keptMessages = 100

export const newRoom = (conversationId: ConversationId, me: UserId): Room => ({
  view: emptyView(conversationId, me),
  lines: [],
  failed: false,
  attended: false,
  seenTo: 0,
})

export function enterRoom(room: Room, readSeq: number, unread: number): Room {
  const { newAfter: _, ...rest } = room
  const seenTo = Math.max(room.seenTo, readSeq)
  const last = room.view.messages.at(-1)?.seq
  return {
    ...rest,
    attended: false,
    seenTo,
    ...(last !== undefined && { openedAt: last }),
    ...(unread > 0 && { newAfter: readSeq }),
  }
}

export function leaveRoom(room: Room): Room {
  const { newAfter: _, ...rest } = room
  const first = room.view.messages.at(-keptMessages)
  if (!first || room.view.messages.length <= keptMessages) return { ...rest, attended: false }
  const view = {
    ...room.view,
    messages: room.view.messages.slice(-keptMessages),
    from: first.seq,
    hasOlder: true,
  }
  return { ...rest, attended: false, view, lines: room.lines.filter((entry) => entry.seq >= first.seq) }
}

export function roomEntry(room: Room, entry: Entry): Room {
  const view = applyEntry(room.view, entry)
  const seen = view === room.view ? room : { ...room, view }
  switch (entry.kind) {
    case 'message':
      // What a page or an acknowledgement brought before is no news.
      return seen === room ? room : heard(seen, entry.message)
    case 'member':
    case 'conversation':
      return addLines(seen, [entry])
    default:
      return seen
  }
}

/** My own message says that I am here: what was new is not any more. */
function heard(room: Room, message: Message): Room {
  if (message.seq <= room.seenTo || message.threadOf !== undefined) return room
  if (message.senderId === room.view.me) {
    const { newAfter: _, ...rest } = room
    return { ...rest, seenTo: message.seq }
  }
  if (room.attended) return { ...room, seenTo: message.seq }
  const behind = room.newAfter === undefined || room.newAfter < room.seenTo
  return behind ? { ...room, newAfter: room.seenTo } : room
}

export const storedInRoom = (room: Room, message: Message): Room =>
  heard({ ...room, view: insert(room.view, message) }, message)

export function attendRoom(room: Room, attended: boolean): Room {
  if (!attended) return room.attended ? { ...room, attended } : room
  const last = room.view.messages.at(-1)?.seq ?? 0
  return room.attended && room.seenTo >= last
    ? room
    : { ...room, attended, seenTo: Math.max(room.seenTo, last) }
}

export const roomRequested = (room: Room): Room => ({
  ...room,
  failed: false,
  view: pageRequested(room.view),
})
export const roomFailed = (room: Room): Room => ({ ...room, failed: true, view: pageFailed(room.view) })
export function roomLoaded(room: Room, page: HistoryPage): Room {
  const openedAt = room.openedAt ?? page.head
  const loaded = { ...room, failed: false, openedAt, view: applyPage(room.view, page) }
  return room.attended ? attendRoom({ ...loaded, attended: false }, true) : loaded
}

export function addLines(room: Room, entries: readonly Entry[]): Room {
  const known = new Set(room.lines.map(({ seq }) => seq))
  const fresh = entries.filter(
    ({ kind, seq }) => (kind === 'member' || kind === 'conversation') && !known.has(seq),
  )
  if (fresh.length === 0) return room
  return { ...room, lines: [...room.lines, ...fresh].sort((a, b) => a.seq - b.seq) }
}
