import type { AppId, Readiness } from '@parley/contracts'
import express, { type Request, type RequestHandler, type Response } from 'express'
import { ChatError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { parseTraceparent, runInTrace } from '../trace.ts'
import { type Caller, requireSidecar } from './access.ts'
import { answerError } from './errors.ts'
import { answerUnknownTopic } from './subscribe.ts'

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
}

/** The app while its routes are being registered. */
export interface HttpApp {
  readonly express: express.Express
  readonly options: HttpAppOptions
}

/**
 * One Express app: health without a token, then whatever `register` adds behind the sidecar's token, then one table
 * from errors to `application/problem+json`.
 */
export function createHttpApp(options: HttpAppOptions, register: (http: HttpApp) => void): express.Express {
  const app = express()
  app.disable('x-powered-by')
  // A hash of every answer for a 304 that no client of an API asks for.
  app.disable('etag')
  app.set('query parser', 'simple')
  app.use(observe(options))
  app.get('/healthz', (_request, response) => void response.json({ live: true }))
  app.get('/readyz', (_request, response) => answerReadiness(options, response))
  if (options.appApiToken !== undefined) app.use(requireSidecar(options.appApiToken))
  register({ express: app, options })
  app.use('/events', answerUnknownTopic(options.logger))
  app.use((request: Request) => {
    throw new ChatError('route_not_found', { detail: `${request.method} ${request.path}` })
  })
  app.use(answerError(options.logger))
  return app
}

function observe({ logger, draining }: HttpAppOptions): RequestHandler {
  return (request, response, next) => {
    if (draining?.()) response.setHeader('connection', 'close')
    const trace = parseTraceparent(request.headers.traceparent as string | undefined)
    if (logger.isLevelEnabled('debug')) {
      const startedAt = performance.now()
      response.once('finish', () => {
        const ms = Math.round((performance.now() - startedAt) * 10) / 10
        // Without the query: it can hold what people typed.
        const line = { method: request.method, path: request.path, status: response.statusCode, ms }
        runInTrace(trace, () => logger.debug(line, 'request'))
      })
    }
    runInTrace(trace, next)
  }
}

async function answerReadiness(options: HttpAppOptions, response: Response): Promise<void> {
  let checks: Record<string, string>
  try {
    checks = await options.readiness()
  } catch (error) {
    options.logger.warn({ err: error }, 'the readiness check failed')
    checks = { readiness: 'failed' }
  }
  if (options.draining?.()) checks = { ...checks, lifecycle: 'draining' }
  const ready = Object.values(checks).every((check) => check === 'ok')
  const body: Readiness = { ready, app: options.app, version: options.version, checks }
  response.status(ready ? 200 : 503).json(body)
}
