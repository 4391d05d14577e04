import { io } from 'socket.io-client'
import type { OpenSocket } from './ports.ts'

/**
 * A connection over Socket.IO. WebSocket only by default: long polling needs sticky sessions where several nodes
 * stand behind one address.
 */
export function socketIo(
  url: string,
  options: { transports?: readonly ('websocket' | 'polling')[]; handshakeTimeoutMs?: number } = {},
): OpenSocket {
  return (token, handlers) => {
    const socket = io(url, {
      auth: { token },
      transports: [...(options.transports ?? ['websocket'])],
      timeout: options.handshakeTimeoutMs ?? 10_000,
      reconnection: false,
      forceNew: true,
    })
    let open = true
    const end = (tell: () => void) => {
      if (!open) return
      open = false
      socket.disconnect()
      tell()
    }
    socket.on('connect', () => open && handlers.connected())
    socket.onAny((name: string, payload: unknown) => open && handlers.event(name, payload))
    socket.on('connect_error', (error) =>
      end(() => {
        const data = (error as Error & { data?: { code?: unknown } }).data
        handlers.refused(typeof data?.code === 'string' ? data.code : undefined, error.message)
      }),
    )
    socket.on('disconnect', (reason) => end(() => handlers.closed(reason)))
    return {
      emit(event, payload, acknowledge) {
        if (!open) return
        if (acknowledge) socket.emit(event, payload, (answer: unknown) => open && acknowledge(answer))
        else socket.emit(event, payload)
      },
      close: () => end(() => undefined),
    }
  }
}
