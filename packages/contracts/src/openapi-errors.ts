/** How the errors of the catalogue stand in the OpenAPI document. */
import type { JsonSchema } from './document-schemas.ts'
import { type ErrorCode, errorCatalogue } from './errors.ts'
import type { RouteContract } from './route.ts'

type Node = Readonly<Record<string, unknown>>

export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'RFC 9457. `code` is stable; `title` and `detail` are for people and may change.',
  properties: {
    type: { type: 'string', examples: ['urn:parley:error:conversation_not_found'] },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(errorCatalogue) },
    detail: { type: 'string' },
    retryAfterMs: { type: 'integer' },
  },
  required: ['type', 'title', 'status', 'code'],
}

export const problemExample = (code: ErrorCode) => ({
  summary: errorCatalogue[code].retry
    ? 'Sending the same again can help.'
    : 'Sending the same again does not help.',
  value: {
    type: `urn:parley:error:${code}`,
    title: errorCatalogue[code].title,
    status: errorCatalogue[code].status,
    code,
  },
})

/** What any route may answer beside its own errors. */
export function errorsOf(route: RouteContract): ErrorCode[] {
  const user = ['token_missing', 'token_invalid', 'token_expired'] as const
  const input = route.body || route.query || route.params ? (['invalid_body'] as const) : []
  const body = route.body ? (['body_not_json', 'body_too_large'] as const) : []
  const always = ['rate_limited', 'internal', 'unavailable'] as const
  return [
    ...new Set([...route.errors, ...(route.access === 'user' ? user : []), ...input, ...body, ...always]),
  ]
}

export function errorResponses(codes: readonly ErrorCode[]): Node {
  const statuses = [...new Set(codes.map((code) => errorCatalogue[code].status))]
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      errorResponse(
        status,
        codes.filter((code) => errorCatalogue[code].status === status),
      ),
    ]),
  )
}

const errorResponse = (status: number, codes: readonly ErrorCode[]): Node => ({
  description: codes.map((code) => `\`${code}\`: ${errorCatalogue[code].title}.`).join('\n\n'),
  ...(status === 429 || status === 503
    ? { headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } } }
    : {}),
  content: {
    'application/problem+json': {
      schema: { $ref: '#/components/schemas/Problem' },
      examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
    },
  },
})

/** Every code once, for readers: in Markdown, which the description of a document may be. */
export function errorTable(): string {
  const rows = Object.entries(errorCatalogue)
    .map(([code, error]) => ({ code, ...error }))
    .sort((a, b) => a.status - b.status || a.code.localeCompare(b.code))
    .map(
      ({ code, status, retry, title }) => `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${title} |`,
    )
  return ['| code | status | retry | meaning |', '|---|---|---|---|', ...rows].join('\n')
}
