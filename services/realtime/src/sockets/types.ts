import type { ClientToServer, ServerToClient, SessionId, UserId } from '@parley/contracts'
import type { Server, Socket } from 'socket.io'
import type { ClusterEvent } from '../cluster/cluster.ts'
import type { SendGate } from './send-gate.ts'

export interface SocketData {
  readonly userId: UserId
  readonly sessionId: SessionId
  /** Of the access token that it came with, in milliseconds. */
  readonly expiresAt: number
  readonly gate: SendGate
  /** Resolves when it is in the rooms of all its conversations; from then on nothing passes it by. */
  joined: Promise<void>
}

type BetweenNodes = { event: (event: ClusterEvent) => void }

export type ChatServer = Server<ClientToServer, ServerToClient, BetweenNodes, SocketData>
export type ChatSocket = Socket<ClientToServer, ServerToClient, BetweenNodes, SocketData>
