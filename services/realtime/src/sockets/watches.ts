import type { Presence, UserId } from '@parley/contracts'
import type { Clock } from '@parley/kit'
import type { Backend } from '../backend.ts'
import { userRoom, watchedIn, watchersRoom } from '../rooms/names.ts'
import type { ChatServer, ChatSocket } from './types.ts'

/**
 * Whose presence a socket watches. Who may be watched is known only from the answer; what changes while it is under
 * way is kept and told after it, so that nothing falls between the answer and the first event. Changes come doubled
 * and out of order: `rev` tells which of them are news here.
 */
export interface Watches {
  watch(socket: ChatSocket, userIds: readonly UserId[]): Promise<{ items: Presence[] }>
  changed(items: readonly Presence[]): void
  /** Someone is no longer in a conversation: they and others may share none any more, and see each other no longer. */
  parted(userId: UserId): void
}

const firstRetryMs = 200
const lastRetryMs = 5_000

export function createWatches(deps: {
  io: ChatServer
  backend: Pick<Backend, 'watch'>
  clock: Clock
}): Watches {
  const { io, backend, clock } = deps
  const { adapter } = io.of('/')
  /** The watch that is being set, per socket: a newer one replaces it. */
  const pending = new Map<ChatSocket, Map<UserId, Presence>>()
  /** The newest rev that was told of each person who is watched here. */
  const told = new Map<UserId, number>()
  /** Sockets whose watches are looked at again, and whether once more after that. */
  const reviews = new Map<ChatSocket, { again: boolean }>()
  let partings = 0

  adapter.on('delete-room', (room: string) => {
    const userId = watchedIn(room)
    if (userId) told.delete(userId)
  })

  const watchedBy = (socket: ChatSocket) => [...socket.rooms].flatMap((room) => watchedIn(room) ?? [])
  const membersOf = (room: string) =>
    [...(adapter.rooms.get(room) ?? [])].flatMap((id) => io.sockets.sockets.get(id) ?? [])

  function set(socket: ChatSocket, items: readonly Presence[], changes: ReadonlyMap<UserId, Presence>): void {
    for (const userId of watchedBy(socket)) void socket.leave(watchersRoom(userId))
    for (const { userId, rev = 0 } of items) {
      // Others who watch this person have not heard of a higher rev yet; a lower one means that it began anew.
      told.set(userId, Math.min(rev, told.get(userId) ?? rev))
      void socket.join(watchersRoom(userId))
      const change = changes.get(userId)
      // After the acknowledgement, which is sent when this turn is over.
      if (change && (change.rev === undefined || change.rev > rev))
        setImmediate(() => socket.emit('presence', change))
    }
  }

  function review(socket: ChatSocket): void {
    const running = reviews.get(socket)
    if (running) running.again = true
    else {
      const started = { again: false }
      reviews.set(socket, started)
      void look(socket, started).finally(() => reviews.delete(socket))
    }
  }

  /** Ends the watches that are not allowed any more; tried until it is known or the socket is gone. */
  async function look(socket: ChatSocket, state: { again: boolean }): Promise<void> {
    for (let failures = 0; socket.connected; ) {
      state.again = false
      const watched = watchedBy(socket)
      if (watched.length === 0) return
      try {
        const visible = new Set(
          (await backend.watch(socket.data.userId, watched)).map(({ userId }) => userId),
        )
        for (const userId of watched) if (!visible.has(userId)) void socket.leave(watchersRoom(userId))
        if (!state.again) return
      } catch {
        const waitMs = Math.min(lastRetryMs, firstRetryMs * 2 ** failures++)
        await new Promise<void>((resolve) => clock.setTimeout(resolve, waitMs))
      }
    }
  }

  return {
    async watch(socket, userIds) {
      const changes = new Map<UserId, Presence>()
      const before = partings
      pending.set(socket, changes)
      try {
        const items =
          userIds.length === 0 ? [] : await backend.watch(socket.data.userId, [...new Set(userIds)])
        if (socket.connected && pending.get(socket) === changes) {
          set(socket, items, changes)
          if (partings !== before) review(socket)
        }
        return { items }
      } finally {
        if (pending.get(socket) === changes) pending.delete(socket)
      }
    },
    changed(items) {
      for (const item of items) {
        const { userId, rev } = item
        for (const changes of pending.values()) {
          if ((changes.get(userId)?.rev ?? 0) <= (rev ?? 0)) changes.set(userId, item)
        }
        const known = told.get(userId)
        if (known === undefined || (rev !== undefined && rev <= known)) continue
        told.set(userId, rev ?? known)
        io.local.to(watchersRoom(userId)).emit('presence', item)
      }
    },
    parted(userId) {
      partings += 1
      for (const room of [userRoom(userId), watchersRoom(userId)])
        for (const socket of membersOf(room)) review(socket)
    },
  }
}
