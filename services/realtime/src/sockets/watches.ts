import type { Presence, UserId } from '@parley/contracts'
import type { Backend } from '../backend.ts'
import { watchersRoom } from '../rooms/names.ts'
import type { ChatServer, ChatSocket } from './types.ts'

/**
 * Whose presence a socket watches. Who may be watched is known only from the answer; what changes while it is under
 * way is kept and told after it, so that nothing falls between the answer and the first event.
 */
export interface Watches {
  watch(socket: ChatSocket, userIds: readonly UserId[]): Promise<{ items: Presence[] }>
  changed(items: readonly Presence[]): void
}

export function createWatches(deps: { io: ChatServer; backend: Pick<Backend, 'watch'> }): Watches {
  const { io, backend } = deps
  /** The watch that is being set, per socket: a newer one replaces it. */
  const pending = new Map<ChatSocket, Map<UserId, Presence>>()

  const roomsOf = (socket: ChatSocket) => [...socket.rooms].filter((room) => room.startsWith('w:'))

  function set(socket: ChatSocket, items: readonly Presence[], changes: ReadonlyMap<UserId, Presence>): void {
    for (const room of roomsOf(socket)) void socket.leave(room)
    void socket.join(items.map(({ userId }) => watchersRoom(userId)))
    for (const { userId } of items) {
      const change = changes.get(userId)
      // After the acknowledgement, which is sent when this turn is over.
      if (change) setImmediate(() => socket.emit('presence', change))
    }
  }

  return {
    async watch(socket, userIds) {
      const changes = new Map<UserId, Presence>()
      pending.set(socket, changes)
      try {
        const items =
          userIds.length === 0 ? [] : await backend.watch(socket.data.userId, [...new Set(userIds)])
        if (socket.connected && pending.get(socket) === changes) set(socket, items, changes)
        return { items }
      } finally {
        if (pending.get(socket) === changes) pending.delete(socket)
      }
    },
    changed(items) {
      for (const item of items) {
        for (const changes of pending.values()) changes.set(item.userId, item)
        io.local.to(watchersRoom(item.userId)).emit('presence', item)
      }
    },
  }
}
