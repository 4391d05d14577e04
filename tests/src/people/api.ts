import type { CallInput } from '@parley/client'
import { type AnswerOf, type ErrorCode, errorCatalogue, type RouteContract } from '@parley/contracts'
import { z } from 'zod'
import type { Shapes } from './shapes.ts'

/** What a call that was refused throws. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined

  constructor(what: string, error: Pick<z.output<typeof problem>, 'code' | 'detail' | 'retryAfterMs'>) {
    const { code, detail, retryAfterMs } = error
    super(`${what}: ${code}${detail === undefined ? '' : `, ${detail}`}`)
    this.code = code as ErrorCode
    this.retryAfterMs = retryAfterMs
  }
}

const problem = z.looseObject({
  type: z.string().startsWith('urn:parley:error:'),
  title: z.string(),
  status: z.number(),
  code: z.enum(Object.keys(errorCatalogue)),
  detail: z.string().optional(),
  retryAfterMs: z.number().optional(),
})

const timeoutMs = 30_000

/** Calls a route over HTTP as any client would, and holds the answer against its contract. */
export async function callApi<R extends RouteContract>(
  { url, shapes }: { readonly url: string; readonly shapes: Shapes },
  route: R,
  input: CallInput<R> = {},
  token?: string,
): Promise<AnswerOf<R>> {
  const response = await fetch(url + pathOf(route, input), {
    method: route.method,
    headers: {
      ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal: AbortSignal.timeout(timeoutMs),
    ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
  })
  const text = await response.text()
  const what = `http ${route.id} ${response.status}`
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  if (!response.ok) {
    shapes.check(what, problem, body)
    const refused = problem.parse(body)
    if (refused.status !== response.status) throw new Error(`${what}: the problem says ${refused.status}`)
    throw new Refused(what, refused)
  }
  const contract = route.answers[response.status]
  if (contract === undefined) throw new Error(`${what}: there is no such answer`)
  shapes.check(what, contract ?? z.undefined(), body)
  return { status: response.status, body } as AnswerOf<R>
}

function pathOf(route: RouteContract, input: { params?: unknown; query?: unknown }): string {
  const params = (input.params ?? {}) as Record<string, string>
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries((input.query ?? {}) as Record<string, unknown>))
    query.set(name, String(value))
  return query.size === 0 ? path : `${path}?${query}`
}
