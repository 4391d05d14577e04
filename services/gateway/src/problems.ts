import { type ErrorCode, transport } from '@parley/contracts'
import { ChatError, type ChatErrorOptions } from '@parley/kit'
import { bodyLimitBytes } from './route-table.ts'

const retryAfterMs = 1_000

const tooLarge = (limit: number) =>
  ({
    code: 'body_too_large',
    detail: `A request body may have ${limit} bytes.`,
    extra: { limit },
  }) as const

const errors = {
  request_malformed: { code: 'request_malformed' },
  route_not_found: { code: 'route_not_found' },
  method_not_allowed: { code: 'method_not_allowed' },
  body_too_large: tooLarge(bodyLimitBytes),
  poll_too_large: tooLarge(transport.bytes),
  rate_limited: { code: 'rate_limited', retryAfterMs },
  unavailable: { code: 'unavailable', retryAfterMs },
  internal: { code: 'internal' },
} as const satisfies Record<string, ChatErrorOptions & { code: ErrorCode }>

export type GatewayProblem = keyof typeof errors
export const gatewayProblems = Object.keys(errors) as readonly GatewayProblem[]

export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const problemType = 'application/problem+json'

/** An error that the gateway answers itself, word by word the same from both proxies. */
export function problemAnswer(problem: GatewayProblem): ProblemAnswer {
  const { code, ...options } = errors[problem]
  const error = new ChatError(code, options)
  return {
    status: error.status,
    headers:
      error.retryAfterMs === undefined ? {} : { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1000)) },
    body: JSON.stringify(error.toProblem()),
  }
}
