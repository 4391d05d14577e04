import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * undefined: larger than the limit. Read whole before anything is passed on, as NGINX does. What is over the limit is
 * read too, and dropped: to end the connection before would take the answer away from a client that is still sending.
 */
export function bodyOf(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > limit) resolve(undefined)
    let chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= limit) return void chunks.push(chunk)
      chunks = []
      resolve(undefined)
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', reject)
  })
}

/** `transfer-encoding` held for the hop to us; Node chooses its own. */
export function passOn(answer: IncomingMessage, response: ServerResponse): void {
  const { 'transfer-encoding': _, ...headers } = answer.headers
  response.writeHead(answer.statusCode ?? 502, headers)
  answer.pipe(response)
}
