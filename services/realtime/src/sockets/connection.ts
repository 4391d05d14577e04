import type { Clock, Logger } from '@parley/kit'
import type { Reporter } from '../presence/reporter.ts'
import type { Rate } from '../rates/token-bucket.ts'
import type { Rooms } from '../rooms/rooms.ts'
import { dispatch, type Handlers } from './dispatch.ts'
import type { Sessions } from './sessions.ts'
import { cut } from './slow-clients.ts'
import type { ChatServer, ChatSocket } from './types.ts'

/** All events of one socket but sends, which have a rate per person. */
const eventRate: Rate = { perSecond: 50, burst: 200 }

/**
 * A socket outlives its access token by this much at most: by then the client has a fresh one and comes back with it.
 * That ends also those sessions whose revocation this node did not hear of.
 */
const expiryGraceMs = 60_000

/**
 * The life of a socket: admitted → in the rooms of its conversations → `ready` → gone. `ready` comes after the rooms
 * (one call to `messages`, some milliseconds), so that it means: from here on nothing passes you by, sync now. Sends
 * are taken before it; `sync` waits for it.
 */
export function serveConnections(deps: {
  io: ChatServer
  clock: Clock
  logger: Logger
  node: string
  rooms: Rooms
  sessions: Pick<Sessions, 'endIfRevoked'>
  reporter: Reporter
  handlers: Handlers
  rateLimits: boolean
}): void {
  const { io, clock, logger, rooms, sessions, reporter } = deps
  io.on('connection', (socket) => {
    const { userId, sessionId } = socket.data
    const device = { userId, sessionId, socketId: socket.id }
    dispatch({
      socket,
      handlers: deps.handlers,
      clock,
      logger,
      rate: deps.rateLimits ? eventRate : undefined,
    })
    const expiry = cutAtExpiry(socket, clock)
    reporter.connected(device)
    socket.on('disconnect', (reason) => {
      expiry.cancel()
      reporter.disconnected(device)
      logger.debug({ socketId: socket.id, reason }, 'a socket is gone')
    })
    socket.data.joined = rooms.enter(socket).then(() => {
      const serverTime = new Date(clock.now()).toISOString()
      socket.emit('ready', { userId, sessionId, node: deps.node, serverTime })
    })
    sessions.endIfRevoked(socket)
    // Only a socket that has gone does not get in; a `sync` that waits for it is answered into the void.
    socket.data.joined.catch((error) => logger.debug({ err: error }, 'a socket left before it was in'))
  })
}

function cutAtExpiry(socket: ChatSocket, clock: Clock): { cancel(): void } {
  // A timer counts to 24 days; no access token lives that long.
  const leftMs = Math.min(2 ** 31 - 1, socket.data.expiresAt - clock.now() + expiryGraceMs)
  return clock.setTimeout(() => cut(socket), Math.max(0, leftMs))
}
