import { z } from 'zod'
import { documentSchemas, type JsonSchema } from './document-schemas.ts'
import { type ErrorCode, errorCatalogue } from './errors.ts'
import { serviceIds } from './events.ts'
import { routes } from './index.ts'
import { limits } from './limits.ts'
import { errorResponses, errorsOf, errorTable, problemExample, problemSchema } from './openapi-errors.ts'
import type { RouteContract } from './route.ts'
import { serviceStatus, systemReadiness } from './routes/operations.ts'

type Node = Readonly<Record<string, unknown>>

const statusMeans: Readonly<Record<number, string>> = {
  200: 'OK.',
  201: 'Created.',
  204: 'Done.',
  503: 'Not ready.',
}

function answers(route: Pick<RouteContract, 'answers'>, schemaOf: (schema: z.ZodType) => JsonSchema): Node {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, body]) => [
      status,
      {
        description: statusMeans[Number(status)] ?? 'An answer.',
        ...(body === null ? {} : { content: { 'application/json': { schema: schemaOf(body) } } }),
      },
    ]),
  )
}

function parameters(
  schema: z.ZodType | undefined,
  place: 'path' | 'query',
  inPlace: (s: z.ZodType) => JsonSchema,
) {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = inPlace(schema) as {
    properties?: Record<string, JsonSchema>
    required?: string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema,
  }))
}

const tags: Readonly<Record<string, string>> = {
  auth: 'Users, sessions and tokens.',
  messages: 'Conversations, members and messages.',
  presence: 'Who is online.',
  notifications: 'Push to devices.',
  operations: 'For those who run it.',
}

const description = `JSON over HTTP, at most ${limits.requestBodyBytes / 1024} KiB a request. Live events come over Socket.IO: see the AsyncAPI document. Whatever takes a \`clientId\` may be sent again until it is answered: the outcome is that of the first time.

Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`. Where a retry makes sense, send the same again after \`Retry-After\`, or after a moment. In a socket's acknowledgement they are \`{ok: false, error: {code, message, retryAfterMs?}}\`.

${errorTable()}`

/** The OpenAPI 3.1 document of everything that the gateway offers over HTTP. */
export function openApiDocument(): Node {
  const { schemaOf, inPlace, components } = documentSchemas('draft-2020-12')
  const paths: Record<string, Record<string, Node>> = {}
  for (const route of routes) {
    if (Array.isArray(route.access)) continue
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = {
      operationId: route.id,
      tags: [route.app],
      summary: route.summary,
      ...(route.access === 'public' ? { security: [] } : {}),
      parameters: [
        ...parameters(route.params, 'path', inPlace),
        ...parameters(route.query, 'query', inPlace),
      ],
      ...(route.body
        ? {
            requestBody: {
              required: true,
              content: { 'application/json': { schema: schemaOf(route.body) } },
            },
          }
        : {}),
      responses: { ...answers(route, schemaOf), ...errorResponses(errorsOf(route)) },
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Parley',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description,
    },
    servers: [{ url: '/', description: 'The gateway that serves this document.' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: [{ accessToken: [] }],
    paths: { ...paths, ...operations(schemaOf) },
    components: {
      securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { ...components, Problem: problemSchema },
      examples: Object.fromEntries(
        Object.keys(errorCatalogue).map((code) => [code, problemExample(code as ErrorCode)]),
      ),
    },
  }
}

/** What the gateway answers at places of its own. */
function operations(schemaOf: (schema: z.ZodType) => JsonSchema): Node {
  const get = (operationId: string, summary: string, responses: Node) => ({
    get: { operationId, tags: ['operations'], summary, security: [], responses },
  })
  const operation = (operationId: string, summary: string, body: Record<number, z.ZodType>) =>
    get(operationId, summary, answers({ answers: body }, schemaOf))
  const status = operation(
    'getStatus',
    'What a service tells the page /status. 404 where that page is off.',
    {
      200: serviceStatus,
    },
  )
  const app = { name: 'app', in: 'path', required: true, schema: { type: 'string', enum: serviceIds } }
  const file = (operationId: string, summary: string, type: string) =>
    get(operationId, summary, { 200: { description: 'OK.', content: { [type]: {} } } })
  return {
    '/healthz': operation('getHealth', 'The gateway lives.', { 200: z.object({ status: z.literal('ok') }) }),
    '/readyz': operation('getReadiness', 'Whether every service behind the gateway is ready, by name.', {
      200: systemReadiness,
      503: systemReadiness,
    }),
    '/api/status/{app}': { get: { ...status.get, parameters: [app] } },
    '/api/openapi.json': file('getOpenApi', 'This document.', 'application/json'),
    '/api/asyncapi.json': file('getAsyncApi', 'The AsyncAPI document.', 'application/json'),
    '/api/docs': file('getDocs', 'This document as a page.', 'text/html'),
  }
}
