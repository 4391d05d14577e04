import type { AnswerBodyOf, BodyInputOf, ParamsInputOf, QueryInputOf, RouteContract } from '@parley/contracts'
import { ChatError } from '../errors.ts'
import { type Answer, type Line, parseJson, type Request, told } from './daprd.ts'

export interface InvokeInput<R extends RouteContract> {
  readonly params?: ParamsInputOf<R>
  readonly query?: QueryInputOf<R>
  readonly body?: BodyInputOf<R>
}

export interface InvokeOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

export type Invoke = <R extends RouteContract>(
  route: R,
  input?: InvokeInput<R>,
  options?: InvokeOptions,
) => Promise<AnswerBodyOf<R>>

export function createInvoke(line: Line, usualTimeoutMs: number): Invoke {
  return async <R extends RouteContract>(
    route: R,
    input: InvokeInput<R> = {},
    { signal, timeoutMs = usualTimeoutMs }: InvokeOptions = {},
  ) => {
    const request: Request = {
      method: route.method,
      path: pathOf(route, input),
      appId: route.app,
      timeoutMs,
      signal,
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    }
    let answer: Answer
    try {
      answer = await line.call(request)
    } catch (cause) {
      throw new ChatError('unavailable', { cause })
    }
    return read(route, request, answer)
  }
}

function read<R extends RouteContract>(route: R, request: Request, answer: Answer): AnswerBodyOf<R> {
  const schema = route.answers[answer.status]
  if (schema === null) return undefined as AnswerBodyOf<R>
  if (schema !== undefined) {
    const parsed = schema.safeParse(parseJson(answer.text))
    if (parsed.success) return parsed.data as AnswerBodyOf<R>
    throw new ChatError('internal', {
      cause: new Error(`${route.app} answered ${route.id} with something else`, { cause: parsed.error }),
    })
  }
  const problem = answer.contentType.startsWith('application/problem+json')
    ? ChatError.fromProblem(parseJson(answer.text))
    : undefined
  throw (
    problem ??
    new ChatError(answer.status >= 500 ? 'unavailable' : 'internal', { cause: told(request, answer) })
  )
}

/** The route's path with its parameters and its query, each encoded. */
function pathOf<R extends RouteContract>(route: R, { params, query }: InvokeInput<R>): string {
  const values = (params ?? {}) as Readonly<Record<string, unknown>>
  const path = route.path.replace(/:([A-Za-z]+)/g, (_, name: string) => {
    if (values[name] === undefined) throw new TypeError(`${route.id} needs the parameter ${name}`)
    return encodeURIComponent(String(values[name]))
  })
  if (query === undefined) return path
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query as Readonly<Record<string, unknown>>))
    if (value !== undefined) search.append(name, String(value))
  return search.size === 0 ? path : `${path}?${search}`
}
