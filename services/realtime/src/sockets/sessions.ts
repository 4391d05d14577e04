import type { SessionId } from '@parley/contracts'
import { sessionRoom } from '../rooms/names.ts'
import type { ChatServer } from './types.ts'

/** Ends the sockets of sessions that were ended, also of those whose handshake is under way. */
export interface Sessions {
  revoked(ids: readonly SessionId[], reason: string): void
  wasRevoked(id: SessionId): boolean
}

const remembered = 10_000

export function createSessions(io: ChatServer): Sessions {
  const recent = new Set<SessionId>()
  return {
    revoked(ids, reason) {
      for (const id of ids) {
        recent.add(id)
        const [oldest] = recent
        if (recent.size > remembered && oldest) recent.delete(oldest)
        io.local.to(sessionRoom(id)).emit('session:revoked', { reason })
        io.local.in(sessionRoom(id)).disconnectSockets(true)
      }
    },
    wasRevoked: (id) => recent.has(id),
  }
}
