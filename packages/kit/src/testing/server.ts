import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A real HTTP server on a free port of loopback, for the length of a test. */
export async function listen(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
export interface Reply {
  readonly status?: number
  readonly type?: string
  readonly body?: unknown
}

/** Stands where daprd stands: keeps what it is asked and answers what the test says; `undefined` is no answer. */
export async function standIn(answer: (request: Seen) => Reply | undefined) {
  const seen: Seen[] = []
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url: path = '', headers } = request
    const one = { method, path, headers, body: Buffer.concat(chunks).toString() }
    seen.push(one)
    const reply = answer(one)
    if (reply === undefined) return
    const { status = 200, type = 'application/json', body } = reply
    response.writeHead(status, { 'content-type': type })
    response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body))
  }
  const server = await listen((request, response) => void respond(request, response))
  return { ...server, seen }
}
