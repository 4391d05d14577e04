import type { Conversation, ConversationId, Entry, UserId } from '@parley/contracts'
import { ChatError, type Clock, type Logger } from '@parley/kit'
import type { Backend } from '../backend.ts'
import { createDelivery, type Delivery } from '../delivery/delivery.ts'
import type { ChatServer, ChatSocket } from '../sockets/types.ts'
import type { Watch } from '../watch.ts'
import { createAdditions } from './additions.ts'
import { conversationOf, conversationRoom, sessionRoom, userRoom } from './names.ts'
import { recentChanges } from './recent-changes.ts'

/** Which sockets of this node are in which conversations, and what they get there. */
export interface Rooms {
  /** Entries that are durable, from whichever node heard of them, and who are members after them, where few are. */
  stored(
    conversationId: ConversationId,
    entries: readonly Entry[],
    memberIds?: readonly UserId[],
    takenAt?: number,
  ): void
  heads(heads: Readonly<Record<ConversationId, number>>): void
  /** Brings a new socket into all its conversations. Resolves when nothing passes it by any more. */
  enter(socket: ChatSocket): Promise<void>
  close(): void
}

const rememberedUsers = 5_000
const firstRetryMs = 200
const lastRetryMs = 5_000

export function createRooms(deps: {
  io: ChatServer
  backend: Backend
  clock: Clock
  logger: Logger
  /** Somebody is a member no longer. */
  parted: (userId: UserId) => void
  watch: Pick<Watch, 'delivered' | 'gapRepair'>
}): Rooms {
  const { io, backend, clock, logger, watch } = deps
  const { adapter } = io.of('/')
  const changes = recentChanges(rememberedUsers)
  /** Sockets whose list of conversations is being read. */
  const entering = new Set<string>()
  /** When the oldest send was taken of the event that is being delivered; delivery is synchronous. */
  let takenAt: number | undefined

  const socketsOf = (userId: UserId): ChatSocket[] =>
    [...(adapter.rooms.get(userRoom(userId)) ?? [])].flatMap((id) => io.sockets.sockets.get(id) ?? [])
  const isLocal = (userId: UserId) => adapter.rooms.has(userRoom(userId))

  async function fetchEntries(...range: Parameters<Backend['entries']>): ReturnType<Backend['entries']> {
    try {
      const page = await backend.entries(...range)
      watch.gapRepair('filled')
      return page
    } catch (error) {
      watch.gapRepair('failed')
      throw error
    }
  }

  const additions = createAdditions({
    clock,
    fetchConversation: backend.conversation,
    isLocal,
    welcome,
    settled(id) {
      if (!adapter.rooms.has(conversationRoom(id))) delivery.untrack(id)
    },
  })

  const delivery: Delivery = createDelivery({
    clock,
    fetchEntries,
    isLocal,
    emit(id, entry) {
      // Encoded once for the whole room; `local`, because every node delivers by itself and in order.
      io.local.to(conversationRoom(id)).emit('entry', entry)
      watch.delivered(entry, takenAt)
      additions.emitted(id, entry)
    },
    added: additions.added,
    removed(id, userId) {
      additions.removed(id, userId)
      for (const socket of socketsOf(userId)) {
        if (!socket.rooms.has(conversationRoom(id))) continue
        void socket.leave(conversationRoom(id))
        socket.emit('conversation:removed', { conversationId: id })
      }
      deps.parted(userId)
    },
  })

  adapter.on('delete-room', (room: string) => {
    const id = conversationOf(room)
    // Whoever is being added comes into a room that is empty now: `settled` looks again.
    if (id && !additions.isPending(id)) delivery.untrack(id)
  })

  function welcome(userId: UserId, conversation: Conversation, entries: readonly Entry[]): void {
    for (const socket of socketsOf(userId)) {
      if (socket.rooms.has(conversationRoom(conversation.id))) continue
      void socket.join(conversationRoom(conversation.id))
      socket.emit('conversation:added', { conversation })
      for (const entry of entries) socket.emit('entry', entry)
    }
  }

  const isOutside = (id: ConversationId, userId: UserId): boolean =>
    isLocal(userId) &&
    socketsOf(userId).some((socket) => !entering.has(socket.id) && !socket.rooms.has(conversationRoom(id)))

  /** Members who are here but not in the room: the event that added them never came to this node. */
  function bringIn(id: ConversationId, memberIds: readonly UserId[]): void {
    const newest = delivery.newest(id)
    if (additions.isPending(id) || (delivery.emitted(id) ?? newest) < newest) return
    for (const userId of memberIds) {
      if (!isOutside(id, userId)) continue
      if (delivery.emitted(id) === undefined) delivery.track(id, newest)
      additions.added(id, userId)
    }
  }

  async function membershipsOf(socket: ChatSocket) {
    for (let failures = 0; socket.connected; failures++) {
      try {
        return await backend.memberships(socket.data.userId)
      } catch (error) {
        if (failures === 0) logger.warn({ err: error }, 'the conversations of a socket could not be read')
        const waitMs = Math.min(lastRetryMs, firstRetryMs * 2 ** failures)
        await new Promise<void>((resolve) => clock.setTimeout(resolve, waitMs))
      }
    }
    throw new ChatError('unavailable', { detail: 'The socket is gone' })
  }

  async function enter(socket: ChatSocket): Promise<void> {
    const { userId, sessionId } = socket.data
    // First, so that additions from here on reach it while its list is being read.
    void socket.join([userRoom(userId), sessionRoom(sessionId)])
    entering.add(socket.id)
    const items = await membershipsOf(socket).finally(() => entering.delete(socket.id))
    if (!socket.connected) return
    const recent = changes.of(userId)
    const listed = items.filter(({ conversationId, head }) => {
      const change = recent.get(conversationId)
      return !change || change.member || change.seq <= head
    })
    void socket.join(listed.map(({ conversationId }) => conversationRoom(conversationId)))
    for (const { conversationId, head } of listed) delivery.track(conversationId, head)
    for (const [id, { member }] of recent) {
      if (!member || socket.rooms.has(conversationRoom(id))) continue
      if (delivery.emitted(id) === undefined) delivery.track(id, recent.get(id)?.seq ?? 0)
      additions.added(id, userId)
    }
  }

  return {
    stored(id, entries, memberIds = [], taken) {
      for (const entry of entries) changes.saw(id, entry)
      takenAt = taken
      delivery.stored(id, entries)
      takenAt = undefined
      bringIn(id, memberIds)
    },
    heads(heads) {
      delivery.heads(heads)
      for (const [key, head] of Object.entries(heads)) {
        const id = key as ConversationId
        const emitted = delivery.emitted(id)
        // Never ahead of what was emitted: else each client would fetch what this node is about to deliver.
        if (emitted) io.local.to(conversationRoom(id)).emit('heads', { [id]: Math.min(head, emitted) })
      }
    },
    enter,
    close: delivery.close,
  }
}
