import { createHash } from 'node:crypto'
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type AppId, transport } from '@parley/contracts'
import type { Logger } from '@parley/kit'
import { createProxyServer } from 'httpxy'
import type { GatewaySettings } from './config.ts'
import { cacheControl } from './headers.ts'
import { type Answers, problemOnSocket } from './node-answers.ts'
import { connectToOne } from './node-connect.ts'
import { bodyOf, passOn } from './node-messages.ts'
import { type GatewayProblem, problemType } from './problems.ts'
import { repeatable, tries } from './repeatable.ts'
import {
  bearer,
  bodyLimitBytes,
  forwardedHeaders,
  hiddenAnswerHeaders,
  webSocketHeaders,
} from './route-table.ts'

const bearerToken = new RegExp(bearer)
const repeatables = repeatable.map((source) => new RegExp(source))

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

interface Forwarding {
  readonly target: string
  readonly headers: Record<string, string>
  /** Asked for when there is something to send. */
  readonly connect: () => Promise<Agent>
  readonly limit: number
  readonly tooLarge: GatewayProblem
  readonly isRepeatable: boolean
}

export interface Upstreams {
  invoke(request: IncomingMessage, response: ServerResponse, app: AppId, traceId: string): Promise<void>
  realtime(request: IncomingMessage, response: ServerResponse, traceId: string): Promise<void>
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, traceId: string): Promise<void>
  /** What was answered to an upgrade; undefined where nobody did. */
  upgradeStatus(request: IncomingMessage): number | undefined
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
  // Two, because httpxy prefers the options of the proxy to those of a call.
  const { timeouts } = settings
  const web = createProxyServer({ proxyTimeout: timeouts.answerSeconds * 1000 })
  const webSocket = createProxyServer({ upgradeTimeout: timeouts.answerSeconds * 1000 })
  const pooled = new Agent({ keepAlive: true, maxFreeSockets: 64 })
  const statusOf = new WeakMap<IncomingMessage, number>()
  /** Each with what had been written to it before it asked to be upgraded. */
  const sockets = new Map<Socket, number>()

  const flagsOf = (traceId: string) =>
    Number(`0x${traceId.slice(-8)}`) < settings.traceRatio * 2 ** 32 ? '01' : '00'
  const ownHeaders = (request: IncomingMessage, traceId: string): Record<string, string> => ({
    'x-forwarded-for': addressOf(request),
    'x-forwarded-proto': settings.tls === undefined ? 'http' : 'https',
    'x-forwarded-host': request.headers.host ?? '',
    traceparent: `00-${traceId}-${traceId.slice(0, 16)}-${flagsOf(traceId)}`,
  })

  /** Sends a request once more, where it may be. */
  const again = new WeakMap<ServerResponse, () => boolean>()

  web.on('error', (error, request, response) => {
    logger.debug({ err: error }, 'an upstream failed')
    if (request === undefined || response === undefined || !('writeHead' in response)) return
    if (!again.get(response as ServerResponse)?.()) answers.refuse(request, response, 'unavailable')
  })
  webSocket.on('proxyReqWs', (asked, request, socket) => {
    asked.once('upgrade', (_answer, upstream) => {
      statusOf.set(request, 101)
      // A pipe does not end for a client that is cut off.
      socket.once('close', () => upstream.destroySoon())
    })
    asked.once('response', ({ statusCode }) => statusOf.set(request, statusCode ?? 502))
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
    if (![500, 502, 504].includes(answer.statusCode ?? 502)) return passOn(answer, response)
    answer.resume()
    if (again.get(response)?.()) return
    // daprd says 500 in its own words when it cannot reach the app.
    const ofAnApp = answer.headers['content-type']?.startsWith(problemType) ?? false
    answers.refuse(request, response, ofAnApp ? 'internal' : 'unavailable')
  })

  async function forward(
    request: IncomingMessage,
    response: ServerResponse,
    { target, headers, connect, limit, tooLarge, isRepeatable }: Forwarding,
  ): Promise<void> {
    const body = await bodyOf(request, limit)
    if (body === undefined) return answers.refuse(request, response, tooLarge)
    const sized = body.length > 0 || request.headers['content-length'] !== undefined
    const agent = await connect().catch((error) => logger.debug({ err: error }, 'no upstream'))
    if (!agent) return answers.refuse(request, response, 'unavailable')
    answers.secure(request, response, 'data')
    request.headers = sized ? { ...headers, 'content-length': String(body.length) } : headers
    const send = () =>
      web.web(request, response, {
        target,
        agent,
        buffer: Readable.from(body.length > 0 ? [body] : []),
        // Else httpxy would pass on an answer that is to be asked for again.
        selfHandleResponse: true,
      })
    let left = isRepeatable ? tries - 1 : 0
    const until = performance.now() + timeouts.triesSeconds * 1000
    again.set(response, () => {
      if (left-- <= 0 || performance.now() > until || response.headersSent || response.destroyed) return false
      send().catch(() => response.destroy())
      return true
    })
    await send()
  }

  let turn = 0
  /**
   * The nodes take turns; but whoever polls must come to the same node each time. Then those that come next where it
   * cannot be reached.
   */
  function nodesOf(request: IncomingMessage): readonly string[] {
    const query = new URL(request.url ?? '', 'http://gateway').searchParams
    const isFree = query.get('transport') === 'websocket' && !query.has('sid')
    const { realtime } = settings
    const first = (isFree ? turn++ : numberOf(addressOf(request))) % realtime.length
    return [...realtime.slice(first), ...realtime.slice(0, first)]
  }
  const aNode = `http://${settings.realtime[0]}`
  const connectToNode = (request: IncomingMessage, owner: ServerResponse | Socket) =>
    connectToOne(nodesOf(request), timeouts.connectSeconds * 1000, owner)

  return {
    async invoke(request, response, app, traceId) {
      const authorization = request.headers.authorization ?? ''
      await forward(request, response, {
        target: `http://127.0.0.1:${settings.sidecarPort}/v1.0/invoke/${app}/method`,
        headers: {
          ...kept(request, forwardedHeaders),
          ...(bearerToken.test(authorization) ? { authorization } : {}),
          ...(settings.sidecarToken === undefined ? {} : { 'dapr-api-token': settings.sidecarToken }),
          ...ownHeaders(request, traceId),
        },
        connect: async () => pooled,
        limit: bodyLimitBytes,
        tooLarge: 'body_too_large',
        isRepeatable: repeatables.some((one) => one.test(`${request.method} ${request.url}`)),
      })
    },

    async realtime(request, response, traceId) {
      await forward(request, response, {
        target: aNode,
        connect: () => connectToNode(request, response),
        headers: { ...kept(request, ['host', ...forwardedHeaders]), ...ownHeaders(request, traceId) },
        limit: transport.bytes,
        tooLarge: 'poll_too_large',
        isRepeatable: false,
      })
    },

    async upgrade(request, socket, head, traceId) {
      sockets.set(socket, socket.bytesWritten)
      socket.on('close', () => sockets.delete(socket))
      request.headers = {
        ...kept(request, ['host', ...forwardedHeaders, ...webSocketHeaders]),
        upgrade: 'websocket',
        connection: 'Upgrade',
        ...ownHeaders(request, traceId),
      }
      const agent = await connectToNode(request, socket).catch(() => undefined)
      if (agent === undefined) return void socket.end(problemOnSocket('unavailable'))
      // httpxy takes the time-out away when it begins.
      const upgraded = webSocket.ws(request, socket, { target: aNode, agent }, head)
      socket.setTimeout(timeouts.socketIdleSeconds * 1000, () => socket.destroy())
      await upgraded
    },

    upgradeStatus: (request) => statusOf.get(request),

    endSockets() {
      for (const socket of sockets.keys()) socket.destroy()
    },
  }
}
