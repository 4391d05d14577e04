import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { type AppId, statusOf } from '@parley/contracts'
import express, { type Request, type Response } from 'express'
import { ChatError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Sidecar } from '../sidecar/sidecar.ts'
import { parseTraceparent, runInTrace } from '../trace.ts'
import { type Caller, comesFromBroker, sidecarCheck } from './access.ts'
import { answerError } from './errors.ts'
import { handle } from './handle.ts'
import { createLag, type Lag } from './lag.ts'
import { createStatus, readinessNow } from './status.ts'
import { answerUnknownTopic, type EventHandler, onlyFromBroker } from './subscribe.ts'

export interface HttpAppOptions {
  readonly app: AppId
  readonly version: string
  readonly logger: Logger
  /** What the sidecar proves itself with, in the header `dapr-api-token`. */
  readonly appApiToken?: string
  readonly verifyToken?: (token: string) => Promise<Caller>
  /** Name → `ok` or what is wrong. */
  readonly readiness: () => Promise<Record<string, string>>
  readonly draining?: () => boolean
  readonly metrics?: Metrics
  /** For the status page. */
  readonly sidecar?: Pick<Sidecar, 'describe'>
}

/** The app while its routes are being registered. */
export interface HttpApp {
  readonly express: express.Express
  /** By path. */
  readonly events: Map<string, EventHandler>
  readonly lag: Lag
  readonly options: HttpAppOptions
}

/**
 * One Express app: health without a token, then whatever `register` adds behind the sidecar's token, then one table
 * from errors to `application/problem+json`.
 *
 * The events that the broker brings go past Express, whose router and body parser cost as much as handling an event
 * does (docs/adr/0014); whatever is wrong with one before it is read is still answered by Express.
 */
export function createHttpApp(options: HttpAppOptions, register: (http: HttpApp) => void): RequestListener {
  const { logger } = options
  const isSidecar = sidecarCheck(options.appApiToken)
  const events = new Map<string, EventHandler>()
  const app = express()
  app.disable('x-powered-by')
  // A hash of every answer for a 304 that no client of an API asks for.
  app.disable('etag')
  app.set('query parser', 'simple')
  app.get('/healthz', (_request, response) => void response.json({ live: true }))
  app.get('/readyz', (_request, response) => answerReadiness(options, response))
  app.use((request, _response, next) => {
    if (!isSidecar(request)) throw new ChatError('forbidden')
    next()
  })
  const http: HttpApp = { express: app, events, lag: createLag(), options }
  const status = createStatus(options, http.lag)
  handle(http, statusOf(options.app), async () => ({ status: 200, body: await status() }))
  register(http)
  app.use('/events', onlyFromBroker, answerUnknownTopic(logger))
  app.use((request: Request) => {
    throw new ChatError('route_not_found', { detail: `${request.method} ${request.path}` })
  })
  app.use(answerError(logger))

  return (request, response) => {
    if (options.draining?.()) response.setHeader('connection', 'close')
    const onEvent = request.method === 'POST' ? events.get(request.url ?? '') : undefined
    const serve = onEvent && isSidecar(request) && comesFromBroker(request) ? onEvent : app
    const trace = parseTraceparent(request.headers.traceparent as string | undefined)
    runInTrace(trace, () => {
      if (logger.isLevelEnabled('debug')) logWhenDone(logger, request, response)
      void serve(request, response)
    })
  }
}

function logWhenDone(logger: Logger, { method, url = '' }: IncomingMessage, response: ServerResponse): void {
  const startedAt = performance.now()
  // Without the query: it can hold what people typed.
  const [path] = url.split('?', 1)
  const log = AsyncResource.bind(() => {
    const ms = Math.round((performance.now() - startedAt) * 10) / 10
    logger.debug({ method, path, status: response.statusCode, ms }, 'request')
  })
  response.once('finish', log)
}

async function answerReadiness(options: HttpAppOptions, response: Response): Promise<void> {
  const body = await readinessNow(options)
  response.status(body.ready ? 200 : 503).json(body)
}
