import { ChatError, type ChatErrorOptions } from '@parley/kit'
import { bodyLimitBytes } from './route-table.ts'

const retryAfterMs = 1_000

const errors = {
  request_malformed: {},
  route_not_found: {},
  method_not_allowed: {},
  body_too_large: {
    detail: `A request body may have ${bodyLimitBytes} bytes.`,
    extra: { limit: bodyLimitBytes },
  },
  rate_limited: { retryAfterMs },
  unavailable: { retryAfterMs },
  internal: {},
} as const satisfies Record<string, ChatErrorOptions>

export type GatewayProblem = keyof typeof errors
export const gatewayProblems = Object.keys(errors) as readonly GatewayProblem[]

export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const problemType = 'application/problem+json'

/** An error that the gateway answers itself, word by word the same from both proxies. */
export function problemAnswer(code: GatewayProblem): ProblemAnswer {
  const error = new ChatError(code, errors[code])
  return {
    status: error.status,
    headers:
      error.retryAfterMs === undefined ? {} : { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1000)) },
    body: JSON.stringify(error.toProblem()),
  }
}
