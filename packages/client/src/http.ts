import type { AnswerBodyOf, RouteContract } from '@parley/contracts'
import type { z } from 'zod'
import { asParleyError, type ClientErrorCode, ParleyError } from './errors.ts'
import type { Clock } from './ports.ts'
import type { Session } from './session.ts'

type Part<R, K extends 'params' | 'query' | 'body'> = R extends { readonly [P in K]?: infer S }
  ? Exclude<S, undefined> extends z.ZodType
    ? z.input<Exclude<S, undefined>>
    : never
  : never

/** What a call of a route takes, before defaults and coercion. */
export interface CallInput<R extends RouteContract> {
  readonly params?: Part<R, 'params'>
  readonly query?: Part<R, 'query'>
  readonly body?: Part<R, 'body'>
}

export interface HttpOptions {
  readonly url: string
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly timeoutMs: number
}

export type Request = <R extends RouteContract>(
  route: R,
  input?: CallInput<R>,
  options?: { token?: string; signal?: AbortSignal },
) => Promise<AnswerBodyOf<R>>

/** Calls routes by their contract. Rejects with `ParleyError`: the server's code, `network` or `bad_answer`. */
export function createRequest(http: HttpOptions): Request {
  return async (route, input = {}, options = {}) => {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (input.body !== undefined) headers['content-type'] = 'application/json'
    if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`
    const deadline = new AbortController()
    const timer = http.clock.setTimeout(() => deadline.abort(), http.timeoutMs)
    const signal = options.signal ? AbortSignal.any([options.signal, deadline.signal]) : deadline.signal
    try {
      const response = await http.fetch(address(http.url, route, input), {
        method: route.method,
        headers,
        signal,
        ...(input.body !== undefined && { body: JSON.stringify(input.body) }),
      })
      const text = await response.text()
      return read(route, response, text)
    } catch (error) {
      if (error instanceof ParleyError) throw error
      const aborted = options.signal?.aborted === true
      throw new ParleyError(aborted ? 'aborted' : 'network', `${route.id}: no answer`, { cause: error })
    } finally {
      timer.cancel()
    }
  }
}

export type Call = <R extends RouteContract>(
  route: R,
  input?: CallInput<R>,
  options?: { signal?: AbortSignal },
) => Promise<AnswerBodyOf<R>>

/** Calls routes as the person who is signed in. An access token that the server refuses is replaced once. */
export function createCall(deps: {
  request: Request
  session: Session
  onRevoked(code: string): void
}): Call {
  return async (route, input, options = {}) => {
    const token = await deps.session.accessToken()
    try {
      return await deps.request(route, input, { ...options, token })
    } catch (error) {
      const { code } = asParleyError(error)
      if (code === 'session_revoked') deps.onRevoked(code)
      if (code !== 'token_expired' && code !== 'token_invalid') throw error
      const fresh = await deps.session.accessToken({ instead: token })
      return deps.request(route, input, { ...options, token: fresh })
    }
  }
}

function address(url: string, route: RouteContract, input: { params?: unknown; query?: unknown }): string {
  const params = (input.params ?? {}) as Record<string, string>
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries((input.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return `${url.replace(/\/$/, '')}${path}${query.size > 0 ? `?${query}` : ''}`
}

function read<R extends RouteContract>(route: R, response: Response, text: string): AnswerBodyOf<R> {
  const body = parseJson(text)
  if (!response.ok) throw problem(route, response, body)
  const schema = route.answers[response.status]
  if (schema === undefined) {
    throw new ParleyError('bad_answer', `${route.id}: unexpected status ${response.status}`)
  }
  if (schema === null) return undefined as AnswerBodyOf<R>
  const parsed = schema.safeParse(body)
  if (!parsed.success) {
    throw new ParleyError('bad_answer', `${route.id}: ${parsed.error.message}`, { cause: parsed.error })
  }
  return parsed.data as AnswerBodyOf<R>
}

function problem(route: RouteContract, response: Response, body: unknown): ParleyError {
  const known = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const { code, title, detail, type: _type, status: _status, instance: _instance, ...extra } = known
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs =
    typeof known.retryAfterMs === 'number' ? known.retryAfterMs : seconds >= 0 ? seconds * 1000 : undefined
  const said = [detail, title].find((value) => typeof value === 'string') as string | undefined
  return new ParleyError(
    typeof code === 'string' ? (code as ClientErrorCode) : codeOfStatus(response.status),
    said ?? `${route.id}: status ${response.status}`,
    { status: response.status, retryAfterMs, extra },
  )
}

/** A proxy on the way answers without a code. */
function codeOfStatus(status: number): ClientErrorCode {
  if (status === 413) return 'body_too_large'
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'unavailable' : 'bad_answer'
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
