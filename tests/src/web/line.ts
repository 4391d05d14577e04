import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * `open`; `no-sockets`: HTTP works and WebSockets do not, as behind some proxies; `cut`: nothing gets through. A browser
 * that is told to be offline keeps the WebSockets that it has, so this really ends them.
 */
export type LineState = 'open' | 'no-sockets' | 'cut'

/** One person's way to the gateway: a TCP port of its own. */
export interface Line {
  readonly url: string
  become(state: LineState): void
  close(): Promise<void>
}

export async function openLine(gatewayPort: number): Promise<Line> {
  let state: LineState = 'open'
  const pairs = new Map<Socket, 'http' | 'socket'>()

  const server = createServer((incoming) => {
    pairs.set(incoming, 'http')
    incoming.once('close', () => pairs.delete(incoming))
    incoming.on('error', () => incoming.destroy())
    incoming.once('data', (first) => {
      if (first.subarray(0, 15).toString().startsWith('GET /socket.io/')) pairs.set(incoming, 'socket')
      if (refuses(incoming)) return void incoming.destroy()
      const outgoing = connect(gatewayPort, 'localhost')
      outgoing.on('error', () => incoming.destroy())
      outgoing.once('close', () => incoming.destroy())
      incoming.once('close', () => outgoing.destroy())
      outgoing.write(first)
      incoming.pipe(outgoing).pipe(incoming)
    })
  })

  const refuses = (socket: Socket): boolean =>
    state === 'cut' || (state === 'no-sockets' && pairs.get(socket) === 'socket')

  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    become(next) {
      state = next
      for (const socket of pairs.keys()) if (refuses(socket)) socket.destroy()
    },
    async close() {
      for (const socket of pairs.keys()) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
