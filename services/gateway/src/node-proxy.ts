/** The table in Node: for machines without NGINX. One process more or less, and no compiled server to install. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from '@parley/kit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { GatewaySettings } from './config.ts'
import { cacheControl } from './headers.ts'
import { createAnswers, problemOnSocket } from './node-answers.ts'
import { addressOf, createUpstreams } from './node-upstreams.ts'
import { type GatewayProblem, problemAnswer } from './problems.ts'
import { canonicalPath, gatewayRoutes, methods, type Rate, type Rates, type Target } from './route-table.ts'
import { sendFile, sendWeb } from './static-files.ts'

const canonical = new RegExp(canonicalPath)

/** Whoever takes us for a forward proxy writes `GET http://host/path`; every server has to understand it. */
const originForm = (url: string): string => url.replace(/^https?:\/\/[^/?#]+(?=[/?]|$)/, '') || '/'

function createTargetOf(settings: GatewaySettings): (url: string) => Target | undefined {
  const compiled = gatewayRoutes(settings).map(({ pattern, target }) => ({
    pattern: new RegExp(pattern),
    target,
  }))
  return (url) =>
    canonical.test(url) ? compiled.find(({ pattern }) => pattern.test(url))?.target : undefined
}

const options = {
  /** How often Node looks for requests that take too long. */
  connectionsCheckingInterval: 5_000,
  // It would answer in its own words.
  requireHostHeader: false,
}

const newTraceId = (): string => randomBytes(16).toString('hex')

type WithinRate = (zone: keyof Rates, request: IncomingMessage) => Promise<boolean>
function createRateLimits({ rates }: GatewaySettings): WithinRate {
  if (!rates) return async () => true
  const limiterOf = ({ perSecond, burst }: Rate) =>
    new RateLimiterMemory({ points: burst, duration: burst / perSecond })
  const limiters = { api: limiterOf(rates.api), socket: limiterOf(rates.socket) }
  return (zone, request) =>
    limiters[zone].consume(addressOf(request)).then(
      () => true,
      () => false,
    )
}

/** What Node's parser refuses never becomes a request. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: answering } = socket as Duplex & { _httpMessage?: ServerResponse | null }
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  if (!socket.writable || timedOut || answering?.headersSent) socket.destroy(error)
  else socket.end(problemOnSocket('request_malformed'))
}

export interface NodeProxy {
  readonly server: Server
  endSockets(): void
}

export function createNodeProxy(settings: GatewaySettings, logger: Logger): NodeProxy {
  const { timeouts } = settings
  const answers = createAnswers(settings)
  const targetOf = createTargetOf(settings)
  const upstreams = createUpstreams(settings, answers, logger, () => !server.listening)
  const withinRate = createRateLimits(settings)

  async function serve(request: IncomingMessage, response: ServerResponse, traceId: string): Promise<void> {
    const refuse = (code: Parameters<typeof answers.refuse>[2]) => answers.refuse(request, response, code)
    const { host = '' } = request.headers
    if (host === '' && request.httpVersion !== '1.0') return refuse('request_malformed')
    request.url = originForm(request.url ?? '')
    const target = targetOf(request.url)
    const readOnly = request.method === 'GET' || request.method === 'HEAD'
    if (target === undefined) return refuse('route_not_found')
    if (!(methods as readonly string[]).includes(request.method ?? '')) return refuse('method_not_allowed')
    switch (target.kind) {
      case 'api':
      case 'nothing':
        return refuse('route_not_found')
      case 'said':
        answers.secure(request, response, 'data')
        response.setHeader('Content-Type', 'application/json')
        response.setHeader('Cache-Control', cacheControl.never)
        response.end(target.json)
        return
      case 'invoke':
        if (target.path !== undefined && !readOnly) return refuse('method_not_allowed')
        if (!(await withinRate('api', request))) return refuse('rate_limited')
        if (target.path !== undefined) request.url = target.path
        return upstreams.invoke(request, response, target.app, traceId)
      case 'realtime':
        if (!(await withinRate('socket', request))) return refuse('rate_limited')
        return upstreams.realtime(request, response, traceId)
      case 'file':
        if (!readOnly) return refuse('method_not_allowed')
        answers.secure(request, response, target.page)
        return sendFile(request, response, target.file(settings.docsRoot), () => refuse('route_not_found'))
      case 'web':
        if (!readOnly) return refuse('method_not_allowed')
        answers.secure(request, response, 'web')
        return sendWeb(request, response, settings.webRoot, () => refuse('route_not_found'))
    }
  }

  function logWhenDone(
    request: IncomingMessage,
    answered: ServerResponse | Socket,
    traceId: string,
    status: () => number,
  ): void {
    const startedAt = performance.now()
    const line = {
      traceId,
      address: addressOf(request),
      method: request.method,
      // No query string: it may hold what nobody should read in a log.
      path: request.url?.split('?', 1)[0],
      userAgent: request.headers['user-agent'],
    }
    answered.on('close', () => {
      const seconds = (performance.now() - startedAt) / 1000
      logger.info({ ...line, status: status(), seconds }, 'request')
    })
  }

  const listener: RequestListener = (request, response) => {
    const traceId = newTraceId()
    logWhenDone(request, response, traceId, () => response.statusCode)
    serve(request, response, traceId).catch((error) => {
      // A client that went away in the middle of its own request needs no answer.
      if (!request.socket.destroyed) logger.error({ err: error }, 'a request failed')
      answers.refuse(request, response, 'unavailable')
    })
  }

  async function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return ignoreUpgrade(request, socket)
    const traceId = newTraceId()
    let refusal: GatewayProblem = 'unavailable'
    const status = () => upstreams.upgradeStatus(request) ?? problemAnswer(refusal).status
    logWhenDone(request, socket, traceId, status)
    const refuse = (code: GatewayProblem) => {
      refusal = code
      socket.end(problemOnSocket(code))
    }
    if (targetOf(request.url ?? '')?.kind !== 'realtime') refuse('route_not_found')
    else if (!(await withinRate('socket', request))) refuse('rate_limited')
    else await upstreams.upgrade(request, socket, head, traceId)
  }

  /** Whoever offers HTTP/2, as curl does, takes an answer in HTTP/1.1. Of a body nothing was read by now. */
  function ignoreUpgrade(request: IncomingMessage, socket: Socket): void {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void socket.end(problemOnSocket('request_malformed'))
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.on('finish', () => socket.end())
    listener(request, response)
  }

  const server =
    settings.tls === undefined
      ? createServer(options, listener)
      : createTlsServer(
          { ...options, cert: readFileSync(settings.tls.cert), key: readFileSync(settings.tls.key) },
          listener,
        )
  server.headersTimeout = timeouts.requestSeconds * 1000
  server.requestTimeout = timeouts.requestSeconds * 1000
  server.keepAliveTimeout = timeouts.keepAliveSeconds * 1000
  server.on('clientError', refuseMalformed)
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    upgrade(request, socket, head).catch((error) => {
      logger.debug({ err: error }, 'a socket failed')
      socket.destroy()
    })
  })
  return { server, endSockets: upstreams.endSockets }
}
