import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '@parley/kit'
import { cut } from './sockets/slow-clients.ts'
import type { ChatServer } from './sockets/types.ts'

/** Clients come back spread over this time, or the other nodes would get them all at once. */
const spreadMs = 5_000
const firstMs = 500
/** For sends under way. */
const deadlineMs = 8_000
const checkMs = 20

/** Tells everybody to come back later, waits for the sends that were taken, and cuts who is still there. */
export async function drainSockets(deps: {
  io: ChatServer
  clock: Clock
  pendingSends: () => number
}): Promise<void> {
  const { io, clock, pendingSends } = deps
  const sockets = [...io.sockets.sockets.values()]
  for (const [i, socket] of sockets.entries()) {
    socket.emit('draining', { retryAfterMs: firstMs + Math.floor((i / sockets.length) * spreadMs) })
  }
  const until = clock.now() + deadlineMs
  while (pendingSends() > 0 && clock.now() < until) {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, checkMs))
  }
  // The last acknowledgements were handed over in this turn: they go out before the connections end.
  await turn()
  for (const socket of io.sockets.sockets.values()) cut(socket)
}
