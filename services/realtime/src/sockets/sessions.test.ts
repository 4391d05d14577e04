import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SessionId } from '@parley/contracts'
import { createSessions } from './sessions.ts'
import type { ChatServer, ChatSocket } from './types.ts'

it('a socket that came into the room of its session after the session had ended is ended, and no other', () => {
  const room = { emit: () => true, disconnectSockets: () => {} }
  const sessions = createSessions({ local: { to: () => room, in: () => room } } as unknown as ChatServer)
  const said: unknown[] = []
  const socketOf = (sessionId: string) =>
    ({
      data: { sessionId },
      emit: (...args: unknown[]) => said.push([sessionId, ...args]),
      disconnect: () => said.push([sessionId, 'disconnect']),
    }) as unknown as ChatSocket
  sessions.revoked(['s1' as SessionId], 'logged out')
  for (const id of ['s1', 's2']) sessions.endIfRevoked(socketOf(id))
  assert.deepEqual(said, [
    ['s1', 'session:revoked', { reason: 'logged out' }],
    ['s1', 'disconnect'],
  ])
})
