import type { ConversationId } from '@parley/contracts'
import type { Clock } from '@parley/kit'
import type { Backend } from '../backend.ts'
import { fullBucket, type Rate, takeToken } from '../rates/token-bucket.ts'
import { conversationRoom, userRoom } from '../rooms/names.ts'
import type { Handlers } from './dispatch.ts'
import type { Receipts } from './receipts.ts'
import type { Sends } from './send.ts'
import type { ChatSocket } from './types.ts'
import type { Visibility } from './visibility.ts'
import type { Watches } from './watches.ts'

/** Of one socket; what is over it is not passed on. Typing is a courtesy. */
const typingRate: Rate = { perSecond: 4, burst: 8 }

export function createHandlers(deps: {
  clock: Clock
  backend: Backend
  sends: Sends
  receipts: Receipts
  watches: Watches
  visibility: Pick<Visibility, 'isHidden'>
}): Handlers {
  const { clock, backend, sends, receipts, watches, visibility } = deps
  const typingBuckets = new WeakMap<ChatSocket, ReturnType<typeof fullBucket>>()
  const typingIn = new WeakMap<ChatSocket, Set<ConversationId>>()

  /** A start may be dropped; the stop after one that was not may not, or they would see someone type on and on. */
  function isWithinRate(socket: ChatSocket, id: ConversationId, active: boolean): boolean {
    const begun = typingIn.get(socket) ?? new Set()
    typingIn.set(socket, begun)
    if (!active && begun.delete(id)) return true
    const now = clock.now()
    const taken = takeToken(typingBuckets.get(socket) ?? fullBucket(typingRate, now), typingRate, now)
    typingBuckets.set(socket, taken.bucket)
    if (taken.waitMs > 0) return false
    if (active) begun.add(id)
    return true
  }

  async function typing(socket: ChatSocket, conversationId: ConversationId, active: boolean) {
    const room = conversationRoom(conversationId)
    const { userId } = socket.data
    if (!socket.rooms.has(room)) return undefined
    if (!isWithinRate(socket, conversationId, active)) return undefined
    if ((await visibility.isHidden(userId)) || !socket.rooms.has(room)) return undefined
    // Who cannot keep up misses a start, and no stop.
    const others = (active ? socket.volatile : socket).to(room).except(userRoom(userId))
    others.emit('typing', { conversationId, userId, active })
    return undefined
  }

  return {
    'message:send': (socket, payload) => sends.send(socket, payload),

    async 'conversation:read'(socket, { conversationId, seq }) {
      const { userId } = socket.data
      const { readSeq, unread, mentions } = await backend.read(userId, conversationId, seq)
      socket.to(userRoom(userId)).emit('read', { conversationId, readSeq, unread, mentions })
      receipts.read(conversationId, userId, readSeq)
      return { unread }
    },

    async sync(socket, request) {
      // What it answers must reach up to what the rooms will bring.
      await socket.data.joined
      return backend.sync(socket.data.userId, request)
    },

    'presence:watch': (socket, { userIds }) => watches.watch(socket, userIds),
    'typing:start': (socket, { conversationId }) => typing(socket, conversationId, true),
    'typing:stop': (socket, { conversationId }) => typing(socket, conversationId, false),
  }
}
