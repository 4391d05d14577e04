import type { SessionId } from '@parley/contracts'
import { sessionRoom } from '../rooms/names.ts'
import type { ChatServer, ChatSocket } from './types.ts'

/** Ends the sockets of sessions that were ended, also of those whose handshake is under way. */
export interface Sessions {
  revoked(ids: readonly SessionId[], reason: string): void
  wasRevoked(id: SessionId): boolean
  /** For a socket that is in its session's room now: the session may have ended since its handshake was looked at. */
  endIfRevoked(socket: ChatSocket): void
}

const remembered = 10_000

export function createSessions(io: ChatServer): Sessions {
  const recent = new Map<SessionId, string>()
  return {
    revoked(ids, reason) {
      for (const id of ids) {
        recent.set(id, reason)
        const [oldest] = recent.keys()
        if (recent.size > remembered && oldest) recent.delete(oldest)
        io.local.to(sessionRoom(id)).emit('session:revoked', { reason })
        io.local.in(sessionRoom(id)).disconnectSockets(true)
      }
    },
    wasRevoked: (id) => recent.has(id),
    endIfRevoked(socket) {
      const reason = recent.get(socket.data.sessionId)
      if (reason === undefined) return
      socket.emit('session:revoked', { reason })
      socket.disconnect(true)
    },
  }
}
