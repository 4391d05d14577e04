import { timingSafeEqual } from 'node:crypto'
import {
  type AnswerOf,
  type AppId,
  appIds,
  type BodyOf,
  limits,
  type ParamsOf,
  type QueryOf,
  type Readiness,
  type RouteContract,
  type SessionId,
  type UserId,
} from '@parley/contracts'
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import type { z } from 'zod'
import { ChatError } from './errors.ts'
import type { Logger } from './logger.ts'
import { parseTraceparent, runInTrace } from './trace.ts'

/** Who a verified access token speaks for. */
export interface Caller {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** What the sidecar may send in one request: daprd's own limit. */
export const internalBodyBytes = 4 * 1024 * 1024

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
  app.use((request: Request) => {
    throw new ChatError('route_not_found', { detail: `${request.method} ${request.path}` })
  })
  app.use(answerError(options.logger))
  return app
}

/** What a handler gets: parsed, and who asks. */
export interface HandlerRequest<R extends RouteContract> {
  readonly params: ParamsOf<R>
  readonly query: QueryOf<R>
  readonly body: BodyOf<R>
  /** On `user` routes; reading it on another is a mistake in the code and throws. */
  readonly caller: Caller
  /** On internal routes. */
  readonly callerApp?: AppId
  readonly ip: string
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
  readonly logger: Logger
}

/**
 * Serves a route: parse → `fn` → answer. The answer is not checked against the contract again: its type was, and
 * whoever calls parses it at its own edge, so a check here would only cost a second walk through each history page.
 */
export function handle<R extends RouteContract, const A extends AnswerOf<R>>(
  http: HttpApp,
  route: R,
  fn: (request: HandlerRequest<R>) => Promise<A>,
): void {
  const { options } = http
  const { access } = route
  const internal = typeof access !== 'string'
  if (access === 'user' && options.verifyToken === undefined)
    throw new TypeError(`${route.id} needs verifyToken: it is for users`)

  const answer = async (request: Request, response: Response): Promise<void> => {
    const callerApp = internal ? callingApp(request, access, options.app) : undefined
    const caller = access === 'user' ? await verifyCaller(request, options) : undefined
    const result = (await fn(
      new ParsedRequest(route, request, response, options.logger, caller, callerApp) as HandlerRequest<R>,
    )) as { status: number; body?: unknown }
    response.statusCode = result.status
    if (result.body === undefined) return void response.end()
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.end(JSON.stringify(result.body))
  }

  const method = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'
  const handlers: RequestHandler[] = [answer]
  if (route.body !== undefined) handlers.unshift(internal ? internalBody : publicBody)
  http.express[method](route.path, ...handlers)
}

/** Whatever its content type says: clients that forget it are told what is wrong with the body, not with the header. */
const jsonBody = (limit: number): RequestHandler => express.json({ limit, type: () => true })
const publicBody = jsonBody(limits.requestBodyBytes)
export const internalBody = jsonBody(internalBodyBytes)

class ParsedRequest {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
  readonly logger: Logger
  readonly callerApp?: AppId
  readonly #caller: Caller | undefined
  readonly #request: Request
  readonly #response: Response
  #signal: AbortSignal | undefined

  constructor(
    route: RouteContract,
    request: Request,
    response: Response,
    logger: Logger,
    caller: Caller | undefined,
    callerApp: AppId | undefined,
  ) {
    this.params = parse(route.params, request.params, 'path')
    this.query = parse(route.query, request.query, 'query')
    this.body = parse(route.body, request.body, 'body')
    this.logger = logger
    if (callerApp !== undefined) this.callerApp = callerApp
    this.#caller = caller
    this.#request = request
    this.#response = response
  }

  get caller(): Caller {
    if (this.#caller === undefined) throw new TypeError('Only a route for users has a caller')
    return this.#caller
  }

  get ip(): string {
    // The gateway overwrites the header with the address that it sees; daprd appends. Nobody else gets past the token.
    const forwarded = this.#request.headers['x-forwarded-for']
    const first = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(',', 1)[0]?.trim()
    return first || (this.#request.socket.remoteAddress ?? '')
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController()
      const response = this.#response
      response.once('close', () => {
        if (!response.writableFinished) controller.abort()
      })
      this.#signal = controller.signal
    }
    return this.#signal
  }
}

function parse(schema: z.ZodType | undefined, input: unknown, part: 'path' | 'query' | 'body'): unknown {
  if (schema === undefined) return part === 'body' ? undefined : {}
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const issues = result.error.issues
    .slice(0, 10)
    .map(({ path, message }) => ({ path: [part, ...path].join('.'), message }))
  const [first] = issues
  throw new ChatError('invalid_body', {
    detail: first === undefined ? `The ${part} is not valid` : `${first.path}: ${first.message}`,
    extra: { issues },
  })
}

async function verifyCaller(request: Request, options: HttpAppOptions): Promise<Caller> {
  const header = request.headers.authorization
  if (header === undefined || header === '') throw new ChatError('token_missing')
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1]
  if (token === undefined || options.verifyToken === undefined) throw new ChatError('token_invalid')
  return options.verifyToken(token)
}

/**
 * The app whose sidecar called. daprd sets the header when it calls another sidecar; in a call through our own sidecar
 * it does not, so that no header means ourselves.
 */
function callingApp(request: Request, access: readonly AppId[], self: AppId): AppId {
  const header = request.headers['dapr-caller-app-id'] ?? self
  const caller = appIds.find((app) => app === header)
  if (caller === undefined || !access.includes(caller)) throw new ChatError('forbidden')
  return caller
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

/** Lets nobody in but the sidecar. The comparison takes the same time wherever the tokens differ. */
function requireSidecar(token: string): RequestHandler {
  const expected = Buffer.from(token)
  return (request, _response, next) => {
    const header = request.headers['dapr-api-token']
    const given = Buffer.from(typeof header === 'string' ? header : '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new ChatError('forbidden')
    next()
  }
}

/** What body-parser and the router throw, in our words. */
function toChatError(error: unknown): ChatError {
  if (error instanceof ChatError) return error
  const { type, status, limit } = error as { type?: string; status?: number; limit?: number }
  if (type === 'entity.too.large')
    return new ChatError('body_too_large', { detail: `At most ${limit} bytes`, extra: { limit } })
  if (type !== undefined && status !== undefined && status < 500)
    return new ChatError('body_not_json', { detail: (error as Error).message })
  if (error instanceof URIError) return new ChatError('invalid_body', { detail: 'path: is not well encoded' })
  return new ChatError('internal', { cause: error })
}

function answerError(logger: Logger) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const chatError = toChatError(error)
    if (chatError.code === 'internal') logger.error({ err: error, path: request.path }, 'a request failed')
    else if (chatError.status >= 500)
      logger.warn({ err: error, path: request.path }, 'a request was not served')
    if (response.headersSent) return void response.destroy()
    response.statusCode = chatError.status
    response.setHeader('content-type', 'application/problem+json')
    if (chatError.retryAfterMs !== undefined)
      response.setHeader('retry-after', String(Math.ceil(chatError.retryAfterMs / 1000)))
    if (chatError.status === 401) response.setHeader('www-authenticate', 'Bearer')
    response.end(JSON.stringify(chatError.toProblem()))
  }
}
