/** Settings and route table → the text of an NGINX configuration. It holds the sidecar's token: mode 600. */
import type { GatewaySettings } from './config.ts'
import { cacheControl, wellFormedHost } from './headers.ts'
import { locationsOf, malformedLocation, problemLocations } from './nginx-locations.ts'
import { block, lines, pattern, quoted } from './nginx-text.ts'
import { mimeTypes } from './nginx-types.ts'
import { repeatable, tries } from './repeatable.ts'
import {
  bearer,
  bodyLimitBytes,
  canonicalPath,
  gatewayRoutes,
  hiddenAnswerHeaders,
  methods,
} from './route-table.ts'

export interface NginxSettings extends GatewaySettings {
  /** A path; everything that NGINX writes itself lies in its prefix directory. */
  readonly accessLog: string
  /** Per worker; one that is proxied counts twice. */
  readonly connections: number
  /** Whose rights the workers have, where NGINX is started as root. */
  readonly user: string | undefined
}

const maps = (settings: NginxSettings): string[] => {
  const apps = gatewayRoutes(settings).flatMap(({ pattern: source, target }) =>
    target.kind === 'invoke' && target.path === undefined ? [`${pattern(source)} ${target.app};`] : [],
  )
  return [
    // Target and method are empty where the request could not be read: that is answered already.
    block('map $request_uri $canonical', 'default "";', '"" yes;', `${pattern(canonicalPath)} yes;`),
    block('map $request_uri $api_app', 'default "";', apps),
    block(
      'map "$request_method $request_uri" $api_location',
      'default @api;',
      repeatable.map((source) => `${pattern(source)} @api_repeatable;`),
    ),
    block(
      'map $request_method $known_method',
      'default "";',
      '"" yes;',
      methods.map((method) => `${method} yes;`),
    ),
    block('map $http_authorization $bearer', 'default "";', `${pattern(bearer)} $http_authorization;`),
    block('map $http_host $own_host', 'default $server_addr;', `${pattern(wellFormedHost)} $http_host;`),
    block('map $http_upgrade $upgrade', 'default "";', '"~*^websocket$" websocket;'),
    block(
      'map "$arg_transport $arg_sid" $realtime_nodes',
      'default realtime_of_address;',
      '"websocket " realtime;',
    ),
    block('map $upgrade $connection_upgrade', 'default "";', 'websocket upgrade;'),
    block('map $request_id $span_id', '"~^(?<half>[0-9a-f]{16})" $half;'),
    traceFlags(settings.traceRatio),
    block('map $status $retry_after', 'default "";', '429 1;', '503 1;'),
    block(
      'map $upstream_http_content_type $upstream_retry_after',
      'default 1;',
      '"~^application/problem" "";',
    ),
    block('map $upstream_http_cache_control $api_cache', 'default "";', `"" ${cacheControl.never};`),
    // No query string: it may hold what nobody should read in a log.
    block('map $request_uri $logged_path', '"~^(?<path_only>[^?]*)" $path_only;'),
    ...(settings.rates
      ? Object.entries(settings.rates).map(
          ([zone, { perSecond }]) =>
            `limit_req_zone $binary_remote_addr zone=${zone}:10m rate=${perSecond}r/s;`,
        )
      : []),
  ]
}

/** Of each request: 01 where it is traced. NGINX knows parts of a hundredth of a percent and more, but neither none nor all. */
function traceFlags(ratio: number): string {
  if (ratio === 0 || ratio === 1)
    return block('map $request_id $trace_flags', `default ${ratio === 0 ? '00' : '01'};`)
  const percent = Math.min(99.99, Math.max(0.01, Math.round(ratio * 10_000) / 100))
  return block('split_clients $request_id $trace_flags', `${percent}% 01;`, '* 00;')
}

const accessLogFormat = [
  '"time":"$time_iso8601"',
  '"app":"gateway"',
  '"traceId":"$request_id"',
  '"address":"$remote_addr"',
  '"method":"$request_method"',
  '"path":"$logged_path"',
  '"status":$status',
  '"bytes":$bytes_sent',
  '"seconds":$request_time',
  '"upstreamSeconds":"$upstream_response_time"',
  '"userAgent":"$http_user_agent"',
].join(',')

const server = (settings: NginxSettings): string =>
  block(
    'server',
    `listen ${settings.bind.includes(':') ? `[${settings.bind}]` : settings.bind}:${settings.port}${settings.tls ? ' ssl' : ''};`,
    settings.tls
      ? [
          `ssl_certificate ${quoted(settings.tls.cert)};`,
          `ssl_certificate_key ${quoted(settings.tls.key)};`,
          'ssl_protocols TLSv1.2 TLSv1.3;',
          'ssl_session_cache shared:tls:1m;',
        ]
      : [],
    'if ($canonical = "") { return 404; }',
    'if ($known_method = "") { return 405; }',
    // 494: a head that is too large; 501: a transfer coding that nobody knows. Not a named location, because NGINX enters
    // none for a request without a target.
    `error_page 400 414 494 501 =400 ${malformedLocation};`,
    'error_page 404 @route_not_found;',
    'error_page 405 @method_not_allowed;',
    'error_page 413 @body_too_large;',
    'error_page 429 @rate_limited;',
    'error_page 500 @internal;',
    'error_page 502 503 504 @unavailable;',
    gatewayRoutes(settings).flatMap((route) => locationsOf(route, settings)),
    problemLocations(settings),
  )

export function nginxConfig(settings: NginxSettings): string {
  const { timeouts } = settings
  // None is ever taken for down: NGINX would try it with one connection at a time, and that one stays open for hours.
  const nodes = settings.realtime.map((address) => `server ${address} max_fails=0;`)
  return `${lines(
    'daemon off;',
    'pid nginx.pid;',
    'error_log stderr warn;',
    settings.user === undefined ? [] : `user ${settings.user};`,
    'worker_processes auto;',
    `worker_shutdown_timeout ${timeouts.drainSeconds}s;`,
    block('events', `worker_connections ${settings.connections};`),
    block(
      'http',
      ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`),
      `log_format json escape=json '{${accessLogFormat}}';`,
      `access_log ${settings.accessLog} json;`,
      block(
        'types',
        Object.entries(mimeTypes).map(([type, endings]) => `${type} ${endings};`),
      ),
      'default_type application/octet-stream;',
      'charset utf-8;',
      'server_tokens off;',
      'sendfile on;',
      'limit_req_status 429;',
      // The access log tells it; a line more per refused request would make a flood worse.
      'limit_req_log_level info;',
      `client_max_body_size ${bodyLimitBytes};`,
      `client_body_buffer_size ${bodyLimitBytes};`,
      `client_header_timeout ${timeouts.requestSeconds}s;`,
      `client_body_timeout ${timeouts.requestSeconds}s;`,
      `keepalive_timeout ${timeouts.keepAliveSeconds}s;`,
      `proxy_connect_timeout ${timeouts.connectSeconds}s;`,
      `proxy_read_timeout ${timeouts.answerSeconds}s;`,
      'proxy_http_version 1.1;',
      'proxy_pass_request_headers off;',
      // Unless a location knows better: what may be sent twice is for the client to decide.
      'proxy_next_upstream off;',
      'proxy_max_temp_file_size 0;',
      'proxy_buffers 16 32k;',
      'proxy_buffer_size 32k;',
      hiddenAnswerHeaders.map((name) => `proxy_hide_header ${name};`),
      'gzip_types text/css application/javascript application/json application/manifest+json image/svg+xml;',
      'gzip_min_length 1024;',
      'gzip_vary on;',
      maps(settings),
      // The same one several times: so often it may be asked again.
      block(
        'upstream sidecar',
        Array.from({ length: tries }, () => `server 127.0.0.1:${settings.sidecarPort} max_fails=0;`),
        'keepalive 64;',
      ),
      // Not kept alive: realtime ends an idle connection after 5 s, maybe in the moment in which it is used again.
      // The zone: all workers take the same turns.
      block('upstream realtime', 'zone realtime 64k;', nodes),
      // Whoever polls must come to the same node each time.
      block('upstream realtime_of_address', 'hash $remote_addr consistent;', nodes),
      server(settings),
    ),
  )}\n`
}
