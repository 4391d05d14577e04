/** A route of the table → its NGINX locations. */
import { transport } from '@parley/contracts'
import type { GatewaySettings } from './config.ts'
import { cacheControl, hostPlaceholder, type Page, securityHeaders } from './headers.ts'
import { block, quoted } from './nginx-text.ts'
import { typeOf } from './nginx-types.ts'
import { gatewayProblems, problemAnswer, problemType } from './problems.ts'
import { forwardedHeaders, type GatewayRoute, type Rates, webSocketHeaders } from './route-table.ts'

const variableOf = (header: string): string => `$http_${header.replaceAll('-', '_')}`

const headersOf = (page: Page, settings: GatewaySettings): string[] =>
  Object.entries(securityHeaders(page, settings.tls !== undefined)).map(
    ([name, value]) => `add_header ${name} ${quoted(value).replaceAll(hostPlaceholder, '$own_host')} always;`,
  )

const limited = (zone: keyof Rates, settings: GatewaySettings): string[] =>
  settings.rates ? [`limit_req zone=${zone} burst=${settings.rates[zone].burst} nodelay;`] : []

const ownHeaders = [
  'proxy_set_header X-Forwarded-For $remote_addr;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header X-Forwarded-Host $http_host;',
  'proxy_set_header traceparent 00-$request_id-$span_id-$trace_flags;',
]
const passOn = (names: readonly string[]): string[] =>
  names.map((name) => `proxy_set_header ${name} ${variableOf(name)};`)

const toSidecar = (uri: string, settings: GatewaySettings): string[] => [
  ...headersOf('data', settings),
  'add_header Cache-Control $api_cache always;',
  `proxy_pass http://sidecar/v1.0/invoke/${uri};`,
  'proxy_set_header Connection "";',
  ...passOn(forwardedHeaders),
  'proxy_set_header Authorization $bearer;',
  ...ownHeaders,
  ...(settings.sidecarToken === undefined
    ? []
    : [`proxy_set_header dapr-api-token ${quoted(settings.sidecarToken)};`]),
  // daprd says 500 in its own words when it cannot reach the app. The other errors of an app pass as they are, so
  // this list must not grow: what is listed is intercepted.
  'proxy_intercept_errors on;',
  'error_page 413 @body_too_large;',
  'error_page 500 502 504 = @upstream_failed;',
]

/** For what has the same outcome however often it arrives: daprd may reach another replica, or the same one by now. */
const again = (settings: GatewaySettings): string[] => [
  'proxy_next_upstream error http_500 http_502 http_504 non_idempotent;',
  `proxy_next_upstream_timeout ${settings.timeouts.triesSeconds}s;`,
]

const toRealtime = (settings: GatewaySettings): string[] => [
  ...limited('socket', settings),
  ...headersOf('data', settings),
  'proxy_pass http://$realtime_nodes;',
  // A handshake that no node has taken can go to another one; a long poll's POST is never sent twice.
  'proxy_next_upstream error;',
  'proxy_set_header Host $http_host;',
  'proxy_set_header Upgrade $upgrade;',
  'proxy_set_header Connection $connection_upgrade;',
  ...passOn([...forwardedHeaders, ...webSocketHeaders]),
  ...ownHeaders,
  'proxy_buffering off;',
  // What realtime says of its answers stays as it is.
  'charset off;',
  `client_max_body_size ${transport.bytes};`,
  `client_body_buffer_size ${transport.bytes};`,
  `proxy_read_timeout ${settings.timeouts.socketIdleSeconds}s;`,
  `proxy_send_timeout ${settings.timeouts.socketIdleSeconds}s;`,
  'error_page 413 @poll_too_large;',
  'error_page 502 504 = @unavailable;',
]

function answer(status: number, body: string): string {
  if (/['$]/.test(body)) throw new Error(`${body} cannot stand in an NGINX string`)
  return `return ${status} '${body}';`
}

export function locationsOf(route: GatewayRoute, settings: GatewaySettings): string[] {
  const { path, target } = route
  switch (target.kind) {
    case 'said':
      return [
        block(
          `location = ${path}`,
          headersOf('data', settings),
          'default_type application/json;',
          `add_header Cache-Control ${cacheControl.never};`,
          answer(200, target.json),
        ),
      ]
    case 'invoke':
      // The APIs share one location: the map from the raw path says which app it is.
      return target.path === undefined
        ? []
        : [
            block(
              `location = ${path}`,
              'if ($request_method !~ "^(GET|HEAD)$") { return 405; }',
              'set $args "";',
              limited('api', settings),
              toSidecar(`${target.app}/method${target.path}`, settings),
              again(settings),
              'error_page 405 @method_not_allowed;',
              'error_page 429 @rate_limited;',
            ),
          ]
    case 'file': {
      const file = target.file(settings.docsRoot)
      return [
        block(
          `location = ${path}`,
          headersOf(target.page, settings),
          `add_header Cache-Control ${cacheControl.revalidate};`,
          'gzip on;',
          ['types { }', `default_type ${typeOf(file)};`],
          `alias ${quoted(file)};`,
        ),
      ]
    }
    case 'realtime':
      return [block(`location = ${path}`, toRealtime(settings))]
    case 'nothing':
      return [`= ${path}`, `^~ ${path}/`].map((where) => block(`location ${where}`, 'return 404;'))
    case 'api':
      return [
        // Two steps, because our own 404 and 429 are told by the first and those of the apps pass through the second.
        block(
          `location ~ "^${path}(?:/|$)"`,
          'if ($api_app = "") { return 404; }',
          limited('api', settings),
          'try_files "" $api_location;',
        ),
        block('location @api', toSidecar('$api_app/method$request_uri', settings)),
        block(
          'location @api_repeatable',
          toSidecar('$api_app/method$request_uri', settings),
          again(settings),
        ),
      ]
    case 'web':
      return webLocations(settings)
  }
}

function webLocations(settings: GatewaySettings): string[] {
  const common = [...headersOf('web', settings), `root ${quoted(settings.webRoot)};`, 'gzip on;']
  const cached = (value: string) => `add_header Cache-Control "${value}";`
  return [
    block('location ~ "/\\."', 'return 404;'),
    block('location ~ "^/assets/"', common, cached(cacheControl.hashed), 'try_files $uri =404;'),
    // A file that is missing is not a page of the app.
    block('location ~ "\\.[A-Za-z0-9]+$"', common, cached(cacheControl.revalidate), 'try_files $uri =404;'),
    block('location /', common, cached(cacheControl.revalidate), 'try_files $uri /index.html =404;'),
  ]
}

export const malformedLocation = '/.malformed'

export function problemLocations(settings: GatewaySettings): string[] {
  const problem = (code: (typeof gatewayProblems)[number]): string => {
    const { status, body } = problemAnswer(code)
    return answer(status, body)
  }
  // No types: else the ending of what was asked for would decide.
  const inherited = [...headersOf('data', settings), 'types { }', `default_type ${problemType};`]
  const retry = 'add_header Retry-After $retry_after always;'
  return [
    ...gatewayProblems.map((code) => block(`location @${code}`, inherited, retry, problem(code))),
    block(`location = ${malformedLocation}`, 'internal;', inherited, problem('request_malformed')),
    // Whatever is not a problem of ours was said by the sidecar.
    block(
      'location @upstream_failed',
      inherited,
      'add_header Retry-After $upstream_retry_after always;',
      `if ($upstream_http_content_type ~ "^application/problem") { ${problem('internal')} }`,
      problem('unavailable'),
    ),
  ]
}
