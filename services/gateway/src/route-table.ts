/**
 * What the gateway lets through, and where to: the one table behind the NGINX configuration and the Node proxy.
 * Both decide on the path as the client wrote it, before any decoding, by the same regular expressions.
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AppId, appIds, getSystemReadiness, limits, routes, statusOf } from '@parley/contracts'
import type { Page } from './headers.ts'

/**
 * One path segment in its canonical spelling. daprd decodes the path, resolves `..` in it and only then calls the
 * app, so an encoded slash or dot would lead out of `/api`; and whoever decodes twice would be led by `%25`. Of ASCII
 * nothing needs encoding in our paths; emoji do, as UTF-8 (and `*`, which some clients encode, begins one of them).
 */
const utf8 = '%(?:[cC][2-9a-fA-F]|[dDeE][0-9a-fA-F]|[fF][0-4])(?:%[89abAB][0-9a-fA-F]){1,3}'
const segment = `(?!\\.{1,2}(?:[/?]|$))(?:[A-Za-z0-9._~*-]|%2[aA]|${utf8})+`
const query = '(?:\\?[!-~]*)?'

/** Everything that is not spelled like this is refused before anything else looks at it. */
export const canonicalPath = `^/(?:${segment}(?:/${segment})*/?)?${query}$`

export type Target =
  /** JSON that this process says itself. */
  | { readonly kind: 'said'; readonly json: string }
  /** Through the sidecar; at `path`, or at the path of the request. */
  | { readonly kind: 'invoke'; readonly app: AppId; readonly path?: string }
  | { readonly kind: 'realtime' }
  | { readonly kind: 'file'; readonly file: (docsRoot: string) => string; readonly page: Page }
  /** What no app owns below the path that all of them share. */
  | { readonly kind: 'api' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'web' }

export interface GatewayRoute {
  readonly path: string
  /** Matches the raw request target: path and query. */
  readonly pattern: string
  readonly target: Target
}

const exactly = (path: string, target: Target): GatewayRoute => ({
  path,
  pattern: `^${path.replaceAll('.', '\\.')}${query}$`,
  target,
})
const below = (path: string, target: Target): GatewayRoute => ({
  path,
  pattern: `^${path}(?:/[^/?]+)*${query}$`,
  target,
})

const allOf = (path: string, target: Target): GatewayRoute => ({
  path,
  pattern: `^${path.replaceAll('.', '\\.')}(?:[/?]|$)`,
  target,
})

/** `/api/users` → `auth`, and so on: the first segment under `/api` of every route that people may call. */
function apiOwners(): Map<string, AppId> {
  const owners = new Map<string, AppId>()
  for (const route of routes) {
    if (Array.isArray(route.access)) continue
    owners.set(route.path.split('/').slice(0, 3).join('/'), route.app)
  }
  return owners
}

const require = createRequire(import.meta.url)
const { version } = require('../package.json') as { version: string }
const swagger = dirname(require.resolve('swagger-ui-dist/package.json'))
const ours = fileURLToPath(new URL('../static', import.meta.url))
const file = (path: string, page: Page, at: (docsRoot: string) => string): GatewayRoute =>
  exactly(path, { kind: 'file', file: at, page })

/** The page for people, and what it asks. Nobody signs in to see it, so the settings say whether it is there. */
const statusRoutes: readonly GatewayRoute[] = [
  file('/status', 'web', () => `${ours}/status.html`),
  file('/status/page.css', 'web', () => `${ours}/status.css`),
  file('/status/page.js', 'web', () => `${ours}/status.js`),
  ...appIds.map((app) =>
    exactly(
      `/api/status/${app}`,
      app === 'gateway'
        ? { kind: 'said', json: JSON.stringify({ app, version }) }
        : { kind: 'invoke', app, path: statusOf(app).path },
    ),
  ),
]

/** The first that matches decides. */
export const gatewayRoutes = ({ status }: { readonly status: boolean }): readonly GatewayRoute[] => [
  exactly('/healthz', { kind: 'said', json: '{"status":"ok"}' }),
  ...(status ? statusRoutes : []),
  exactly('/readyz', { kind: 'invoke', app: getSystemReadiness.app, path: getSystemReadiness.path }),
  file('/api/openapi.json', 'data', (docs) => `${docs}/openapi.json`),
  file('/api/asyncapi.json', 'data', (docs) => `${docs}/asyncapi.json`),
  file('/api/docs', 'docs', () => `${ours}/docs.html`),
  file('/api/docs/start.js', 'docs', () => `${ours}/docs.js`),
  file('/api/docs/swagger-ui.css', 'docs', () => `${swagger}/swagger-ui.css`),
  file('/api/docs/swagger-ui.js', 'docs', () => `${swagger}/swagger-ui-bundle.js`),
  ...[...apiOwners()].map(([path, app]) => below(path, { kind: 'invoke', app })),
  allOf('/api', { kind: 'api' }),
  exactly('/socket.io/', { kind: 'realtime' }),
  // What others take for a door of the sidecar or of a service is no place in the web app either.
  ...['/socket.io', '/v1.0', '/internal', '/events', '/dapr'].map((path) => allOf(path, { kind: 'nothing' })),
  { path: '/', pattern: '^/', target: { kind: 'web' } },
]

export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/**
 * Only these request headers are passed on, so no list of forbidden names has to be complete: daprd takes orders from
 * `dapr-app-id`, `dapr-api-token`, `dapr-caller-app-id` and others, and a new release may add one.
 */
export const forwardedHeaders = [
  'accept',
  'accept-language',
  'content-type',
  'if-none-match',
  'origin',
  'user-agent',
] as const
/**
 * `Authorization` is passed on as bearer token only: daprd also reads `Basic` with the user name `dapr-app-id`, and
 * then calls the app that the password names.
 */
export const bearer = '^[Bb]earer [A-Za-z0-9._~+/=-]+$'
export const webSocketHeaders = [
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
] as const
/** What is said about the software behind, and what only holds for one hop. */
export const hiddenAnswerHeaders = ['x-powered-by', 'server', 'keep-alive'] as const

export interface Rate {
  readonly perSecond: number
  readonly burst: number
}
export type Rates = Readonly<Record<'api' | 'socket', Rate>>

/** Per address. Generous: an office behind one address must fit; the services have limits of their own per person. */
export const defaultRates: Rates = {
  api: { perSecond: 200, burst: 800 },
  socket: { perSecond: 50, burst: 500 },
}

export const bodyLimitBytes = limits.requestBodyBytes
