import type { Clock, Logger } from '@parley/kit'
import type { ChatServer, ChatSocket } from './types.ts'

/**
 * Whoever reads more slowly than they are written to is cut off before they fill our memory. They come back with their
 * cursor and fetch what they missed, which costs less than a queue.
 */
export const outgoingLimits = { bytes: 1024 * 1024, packets: 2_000, checkMs: 1_000 }

interface Connection {
  readonly writeBuffer: readonly { readonly data?: unknown; readonly options?: unknown }[]
}

/** What waits for the transport, beside what the transport itself is writing. */
export function isBehind({ writeBuffer }: Connection): boolean {
  if (writeBuffer.length > outgoingLimits.packets) return true
  // Not worth counting bytes: the largest packets are a few ten kilobytes.
  if (writeBuffer.length < 16) return false
  let bytes = 0
  for (const { data } of writeBuffer) bytes += typeof data === 'string' ? data.length : 0
  return bytes > outgoingLimits.bytes
}

export function dropSlowClients(io: ChatServer, logger: Logger): void {
  for (const socket of io.sockets.sockets.values()) {
    if (!isBehind(socket.conn as unknown as Connection)) continue
    logger.warn({ socketId: socket.id, userId: socket.data.userId }, 'a slow client is cut off')
    cut(socket)
  }
}

/** Ends the connection so that the client comes back by itself: after `disconnect()` it would not. */
export const cut = (socket: ChatSocket) => socket.conn.close(true)

/** Calls `fn` every `ms` until it is cancelled. */
export function every(clock: Clock, ms: number, fn: () => void): { cancel(): void } {
  let timer = clock.setTimeout(tick, ms)
  function tick(): void {
    timer = clock.setTimeout(tick, ms)
    fn()
  }
  return { cancel: () => timer.cancel() }
}
