import type { AnswerOf, AppId, BodyOf, ParamsOf, QueryOf, RouteContract } from '@parley/contracts'
import type { Request, RequestHandler, Response } from 'express'
import type { z } from 'zod'
import { ChatError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { type Caller, callingApp, verifyCaller } from './access.ts'
import type { HttpApp } from './app.ts'
import { internalBody, publicBody } from './body.ts'

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
  const { app: self, logger, verifyToken } = http.options
  const { access } = route
  const internal = typeof access !== 'string'
  if (access === 'user' && verifyToken === undefined)
    throw new TypeError(`${route.id} needs verifyToken: it is for users`)

  const answer = async (request: Request, response: Response): Promise<void> => {
    const callerApp = internal ? callingApp(request, access, self) : undefined
    const caller = access === 'user' && verifyToken ? await verifyCaller(request, verifyToken) : undefined
    const who = { ...(caller && { caller }), ...(callerApp && { callerApp }) }
    const parsed = new ParsedRequest(route, request, response, logger, who)
    const result = (await fn(parsed as HandlerRequest<R>)) as { status: number; body?: unknown }
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
    who: { caller?: Caller; callerApp?: AppId },
  ) {
    this.params = parse(route.params, request.params, 'path')
    this.query = parse(route.query, request.query, 'query')
    this.body = parse(route.body, request.body, 'body')
    this.logger = logger
    if (who.callerApp !== undefined) this.callerApp = who.callerApp
    this.#caller = who.caller
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
