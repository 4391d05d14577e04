import type { ConversationId, SessionId, UserId } from '@parley/contracts'

/** The Socket.IO rooms. Ids are URL-safe, so the prefixes keep them apart. */
export const conversationRoom = (id: ConversationId) => `c:${id}`
/** All devices of a person. */
export const userRoom = (id: UserId) => `u:${id}`
export const sessionRoom = (id: SessionId) => `s:${id}`
/** Who watches the presence of this person. */
export const watchersRoom = (id: UserId) => `w:${id}`

export const conversationOf = (room: string): ConversationId | undefined =>
  room.startsWith('c:') ? (room.slice(2) as ConversationId) : undefined

export const userIn = (room: string): UserId | undefined =>
  room.startsWith('u:') ? (room.slice(2) as UserId) : undefined

export const watchedIn = (room: string): UserId | undefined =>
  room.startsWith('w:') ? (room.slice(2) as UserId) : undefined
