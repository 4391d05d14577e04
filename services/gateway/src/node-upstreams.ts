import { createHash } from 'node:crypto'
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { AppId } from '@parley/contracts'
import type { Logger } from '@parley/kit'
import { createProxyServer } from 'httpxy'
import type { GatewaySettings } from './config.ts'
import { cacheControl } from './headers.ts'
import { type Answers, problemOnSocket } from './node-answers.ts'
import { problemType } from './problems.ts'
import {
  bearer,
  bodyLimitBytes,
  forwardedHeaders,
  hiddenAnswerHeaders,
  timeouts,
  webSocketHeaders,
} from './route-table.ts'

const bearerToken = new RegExp(bearer)

export const addressOf = (request: IncomingMessage): string => request.socket.remoteAddress ?? ''

const numberOf = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE()

function kept(request: IncomingMessage, names: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of names) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

/**
 * undefined: larger than the limit. Read whole before anything is passed on, as NGINX does. What is over the limit is
 * read too, and dropped: to end the connection before would take the answer away from a client that is still sending.
 */
function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > bodyLimitBytes) resolve(undefined)
    let chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bodyLimitBytes) return void chunks.push(chunk)
      chunks = []
      resolve(undefined)
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', reject)
  })
}

export interface Upstreams {
  invoke(request: IncomingMessage, response: ServerResponse, app: AppId, traceId: string): Promise<void>
  realtime(request: IncomingMessage, response: ServerResponse, traceId: string): Promise<void>
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, traceId: string): Promise<void>
  /** Ends the WebSockets: `server.close` does not know them any more. */
  endSockets(): void
}

export function createUpstreams(
  settings: GatewaySettings,
  answers: Answers,
  logger: Logger,
  /** Whether the server takes no new connections: then those that it has shall end with their answer. */
  isClosing: () => boolean,
): Upstreams {
  // Two, because httpxy prefers the options of the proxy to those of a call, and an upgrade must not take a pooled
  // connection.
  const web = createProxyServer({
    agent: new Agent({ keepAlive: true, maxFreeSockets: 64 }),
    proxyTimeout: timeouts.answerSeconds * 1000,
  })
  const webSocket = createProxyServer({ agent: false, upgradeTimeout: timeouts.answerSeconds * 1000 })
  /** Each with what had been written to it before it asked to be upgraded. */
  const sockets = new Map<Socket, number>()

  const ownHeaders = (request: IncomingMessage, traceId: string): Record<string, string> => ({
    'x-forwarded-for': addressOf(request),
    'x-forwarded-proto': settings.tls === undefined ? 'http' : 'https',
    'x-forwarded-host': request.headers.host ?? '',
    traceparent: `00-${traceId}-${traceId.slice(0, 16)}-00`,
  })

  web.on('error', (error, request, response) => {
    logger.debug({ err: error }, 'an upstream failed')
    if (request !== undefined && response !== undefined && 'writeHead' in response)
      answers.refuse(request, response, 'unavailable')
  })
  webSocket.on('error', (error, _request, socket) => {
    logger.debug({ err: error }, 'a socket failed')
    if (socket === undefined || 'writeHead' in socket || !socket.writable) return
    if (socket.bytesWritten === sockets.get(socket)) socket.end(problemOnSocket('unavailable'))
  })
  web.on('proxyRes', (answer, request, response) => {
    for (const name of hiddenAnswerHeaders) delete answer.headers[name]
    answer.headers.connection = response.shouldKeepAlive && !isClosing() ? 'keep-alive' : 'close'
    answer.headers['cache-control'] ??= cacheControl.never
    if (![500, 502, 504].includes(answer.statusCode ?? 502)) return
    // daprd says 500 in its own words when it cannot reach the app.
    const ofAnApp = answer.headers['content-type']?.startsWith(problemType) ?? false
    answer.resume()
    answers.refuse(request, response, ofAnApp ? 'internal' : 'unavailable')
  })

  async function forward(
    request: IncomingMessage,
    response: ServerResponse,
    target: string,
    headers: Record<string, string>,
  ): Promise<void> {
    const body = await bodyOf(request)
    if (body === undefined) return answers.refuse(request, response, 'body_too_large')
    const sized = body.length > 0 || request.headers['content-length'] !== undefined
    answers.secure(request, response, 'data')
    request.headers = sized ? { ...headers, 'content-length': String(body.length) } : headers
    await web.web(request, response, { target, buffer: Readable.from(body.length > 0 ? [body] : []) })
  }

  let turn = 0
  /** The nodes take turns; but whoever polls must come to the same node each time. */
  function nodeOf(request: IncomingMessage): string {
    const query = new URL(request.url ?? '', 'http://gateway').searchParams
    const isFree = query.get('transport') === 'websocket' && !query.has('sid')
    const { realtime } = settings
    return `http://${realtime[(isFree ? turn++ : numberOf(addressOf(request))) % realtime.length]}`
  }

  return {
    invoke(request, response, app, traceId) {
      const authorization = request.headers.authorization ?? ''
      return forward(
        request,
        response,
        `http://127.0.0.1:${settings.sidecarPort}/v1.0/invoke/${app}/method`,
        {
          ...kept(request, forwardedHeaders),
          ...(bearerToken.test(authorization) ? { authorization } : {}),
          ...(settings.sidecarToken === undefined ? {} : { 'dapr-api-token': settings.sidecarToken }),
          ...ownHeaders(request, traceId),
        },
      )
    },

    realtime: (request, response, traceId) =>
      forward(request, response, nodeOf(request), {
        ...kept(request, ['host', ...forwardedHeaders]),
        ...ownHeaders(request, traceId),
      }),

    async upgrade(request, socket, head, traceId) {
      sockets.set(socket, socket.bytesWritten)
      socket.on('close', () => sockets.delete(socket))
      request.headers = {
        ...kept(request, ['host', ...forwardedHeaders, ...webSocketHeaders]),
        upgrade: 'websocket',
        connection: 'Upgrade',
        ...ownHeaders(request, traceId),
      }
      await webSocket.ws(request, socket, { target: nodeOf(request) }, head)
    },

    endSockets() {
      for (const socket of sockets.keys()) socket.destroy()
    },
  }
}
