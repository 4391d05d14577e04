/** Everything here holds for NGINX and for the Node proxy alike. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { appIds, errorCatalogue, limits, routes, serviceIds } from '@parley/contracts'
import type { GatewaySettings } from './config.ts'
import { type Gateway, type Kind, raw, rawGet, startGateway } from './gateway.harness.ts'
import { findNginx } from './nginx-process.ts'

const nginx = findNginx()?.path
const api = (gateway: Gateway, path: string, init?: RequestInit) => fetch(`${gateway.url}${path}`, init)

async function assertProblem(response: Response, code: keyof typeof errorCatalogue): Promise<void> {
  assert.equal(response.status, errorCatalogue[code].status)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  assert.equal(((await response.json()) as { code: string }).code, code)
  assert.ok(response.headers.get('content-security-policy'))
}

for (const kind of ['nginx', 'node'] satisfies Kind[])
  describe(kind, { skip: kind === 'nginx' && nginx === undefined ? 'there is no nginx here' : false }, () => {
    let gateway: Gateway
    before(async () => {
      gateway = await startGateway(kind, { nginx })
    })
    after(() => gateway.close())
    beforeEach(() => {
      gateway.sidecar.seen.length = 0
      gateway.sidecar.stage.answer = () => ({ status: 200, body: '{}' })
    })

    for (const route of routes.filter((it) => !Array.isArray(it.access)))
      test(`${route.id} reaches ${route.app} through the sidecar`, async () => {
        const path = route.path.replace(/:\w+/g, 'id_1-x')
        const body = route.method === 'GET' ? {} : { body: '{"a":1}' }
        const response = await api(gateway, `${path}?a=b%2Fc&d=%2e%2e`, { method: route.method, ...body })
        assert.equal(response.status, 200)
        const [seen] = gateway.sidecar.seen
        assert.equal(seen?.url, `/v1.0/invoke/${route.app}/method${path}?a=b%2Fc&d=%2e%2e`)
        assert.equal(seen?.method, route.method)
        assert.equal(seen?.body, body.body ?? '')
      })

    test('a request target with scheme and host is understood, as every server must', async () => {
      assert.equal((await rawGet(gateway.port, 'http://parley.test/api/auth/me?a=b')).status, 200)
      assert.equal(gateway.sidecar.seen[0]?.url, '/v1.0/invoke/auth/method/api/auth/me?a=b')
    })

    test('an emoji in a path arrives as it was sent', async () => {
      for (const emoji of [
        '%F0%9F%98%80',
        '%e2%9c%85',
        '%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9',
        '1%EF%B8%8F%E2%83%A3',
        '*%EF%B8%8F%E2%83%A3',
        '%2A%EF%B8%8F%E2%83%A3',
      ]) {
        const path = `/api/conversations/c1/messages/5/reactions/${emoji}`
        assert.equal((await rawGet(gateway.port, path)).status, 200, emoji)
        assert.equal(gateway.sidecar.seen.at(-1)?.url, `/v1.0/invoke/messages/method${path}`)
      }
    })

    test('the status page asks every service, and the gateway answers for itself', async () => {
      for (const [path, type] of [
        ['/status', /^text\/html/],
        ['/status/page.js', /^(text|application)\/javascript/],
        ['/status/page.css', /^text\/css/],
      ] as const) {
        const page = await api(gateway, path)
        assert.equal(page.status, 200)
        assert.match(page.headers.get('content-type') ?? '', type)
        assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self'/)
      }
      for (const app of serviceIds) {
        assert.equal((await api(gateway, `/api/status/${app}`)).status, 200)
        assert.equal(gateway.sidecar.seen.at(-1)?.url, `/v1.0/invoke/${app}/method/internal/status`)
      }
      const own = await api(gateway, '/api/status/gateway')
      assert.equal(((await own.json()) as { app: string }).app, 'gateway')
      assert.equal(own.headers.get('cache-control'), 'no-store')
      await assertProblem(await api(gateway, '/api/status/nobody'), 'route_not_found')
    })

    async function withOther(settings: Partial<GatewaySettings>, look: (other: Gateway) => Promise<void>) {
      const other = await startGateway(kind, { nginx, ...settings })
      await look(other).finally(() => other.close())
    }

    test('without the status page nobody sees a status', () =>
      withOther({ status: false }, async (other) => {
        for (const app of appIds)
          await assertProblem(await api(other, `/api/status/${app}`), 'route_not_found')
        assert.match(await (await api(other, '/status')).text(), /<title>app</)
        assert.deepEqual(other.sidecar.seen, [])
      }))

    for (const [traceRatio, expected] of [
      [0, ['00']],
      [0.5, ['00', '01']],
      [1, ['01']],
    ] as const)
      test(`of the requests ${traceRatio * 100} % are traced, and sidecars are told which`, () =>
        withOther({ traceRatio }, async (other) => {
          await Promise.all(Array.from({ length: 64 }, () => api(other, '/api/auth/me')))
          const traces = other.sidecar.seen.map(({ headers }) => headers.traceparent as string)
          for (const trace of traces) assert.match(trace, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
          assert.deepEqual([...new Set(traces.map((trace) => trace.slice(-2)))].sort(), expected)
        }))

    for (const traceRatio of [0.000_001, 0.01, 0.9999, 0.999_999])
      test(`a ratio of ${traceRatio} is one`, () =>
        withOther({ traceRatio }, async (other) => {
          assert.equal((await api(other, '/api/auth/me')).status, 200)
        }))

    test('what the gateway asks a service itself can only be read, and without a query', async () => {
      for (const path of ['/readyz', '/api/status/messages']) {
        await assertProblem(await api(gateway, path, { method: 'POST', body: '{}' }), 'method_not_allowed')
        assert.equal(gateway.sidecar.seen.length, 0)
        assert.equal((await api(gateway, `${path}?a=b`)).status, 200)
        assert.match(gateway.sidecar.seen[0]?.url ?? '', /\/internal\/[a-z-]+$/)
        gateway.sidecar.seen.length = 0
      }
    })

    const traversals = [
      '/api/auth/../../internal/sessions/validate',
      '/api/auth/%2e%2e/%2e%2e/internal/keys/rotate',
      '/api/auth/.%2e/x',
      '/api/auth/..%2f..%2finternal',
      '/api/auth/x%2f..%2f..%2f..%2finternal%2fdead-letters',
      '/api/auth/%252e%252e/internal',
      '/api/auth/..',
      '/api/auth/.',
      '/api/auth/..?a',
      '/api/auth/./me',
      '/api//auth/me',
      '//api/auth/me',
      '/api/auth//me',
      '/api/auth/me/',
      '/api/auth/me//',
      '/api/auth\\..\\..\\internal',
      '/api/auth/%5c..%5cinternal',
      '/api/auth/me%00',
      '/api/auth/me%0a',
      '/api/auth/me%3Fa',
      '/api/auth/me%23a',
      '/api/auth/me#a',
      '/api/auth;/../internal',
      '/api/authx',
      '/api/auth%2fme',
      '/api',
      '/api/',
      '/api/unknown',
      '/API/auth/me/../..',
      '/api/%61uth/me',
      '/v1.0/invoke/messages/method/internal/dead-letters',
      '/v1.0/state/auth-store/x',
      '/v1.0/secrets/secrets/bulk',
      '/v1.0/metadata',
      '/v1.0/shutdown',
      '/events/message.submitted',
      '/internal/system-readiness',
      '/internal/dead-letters',
      '/dapr/config',
      '/readyz/',
      '/readyz/../internal',
      '/socket.io/../internal/x',
      '/socket.io',
      '/socket.io/x',
      '/socket.io/%2e%2e/events',
      'http://127.0.0.1/v1.0/metadata',
      'http://127.0.0.1/internal/dead-letters',
      'http://127.0.0.1/api/auth/%2e%2e/internal',
      'https://127.0.0.1',
      '*',
      '/api/auth/%c0%ae%c0%ae/x',
      '/api/auth/%ff',
      '/readyz%2f..',
    ]
    for (const target of traversals)
      test(`${target} reaches nothing`, async () => {
        const before = gateway.realtime.handshakes.length
        const { status } = await rawGet(gateway.port, target)
        assert.deepEqual(
          gateway.sidecar.seen.map((it) => it.url),
          [],
        )
        assert.equal(gateway.realtime.handshakes.length, before)
        // What is neither the API nor kept for others is a place in the web app, and the web app only.
        const inApp = ['/readyz/', 'https://127.0.0.1'].includes(target)
        if (!inApp) assert.ok(status >= 400 && status < 500, `${status}`)
      })

    test('of the request headers only the harmless ones pass', async () => {
      const hostile = {
        'dapr-app-id': 'messages',
        'Dapr-App-Id': 'messages',
        'dapr-caller-app-id': 'realtime',
        'dapr-callee-app-id': 'x',
        'dapr-caller-namespace': 'x',
        'dapr-api-token': 'guessed',
        'dapr-http-status': '200',
        'dapr-reentrancy-id': 'x',
        'dapr-stream': 'true',
        'x-dapr-remote': 'true',
        'dapr-of-tomorrow': 'x',
        'x-daprerrorresponseheader': 'x',
        'destination-app-id': 'messages',
        'x-forwarded-for': '6.6.6.6',
        'x-real-ip': '6.6.6.6',
        forwarded: 'for=6.6.6.6',
        'x-forwarded-proto': 'https',
        'grpc-trace-bin': 'x',
        traceparent: '00-11111111111111111111111111111111-1111111111111111-01',
        cookie: 'a=b',
        te: 'trailers',
        dapr_app_id: 'messages',
        baggage: 'a=b',
      }
      const lines = Object.entries(hostile)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join('')
      const { status } = await rawGet(
        gateway.port,
        '/api/auth/me',
        `${lines}Authorization: Bearer abc.def-_\nUser-Agent: test\nAccept-Language: de\n`,
      )
      assert.equal(status, 200)
      const { headers = {} } = gateway.sidecar.seen[0] ?? {}
      assert.deepEqual(
        Object.keys(headers).filter((name) => /dapr/i.test(name)),
        ['dapr-api-token'],
      )
      assert.equal(headers['dapr-api-token'], 'token-of-the-sidecar')
      assert.equal(headers['x-forwarded-for'], '127.0.0.1')
      assert.equal(headers['x-forwarded-proto'], 'http')
      assert.equal(headers.authorization, 'Bearer abc.def-_')
      assert.equal(headers['accept-language'], 'de')
      assert.match(headers.traceparent as string, /^00-(?!1{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      const allowed = [
        'accept',
        'accept-language',
        'authorization',
        'connection',
        'dapr-api-token',
        'host',
        'traceparent',
        'user-agent',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-proto',
      ]
      assert.deepEqual(
        Object.keys(headers).filter((name) => !allowed.includes(name)),
        [],
      )
    })

    test('Basic credentials, by which daprd would choose another app, do not pass', async () => {
      const basic = Buffer.from('dapr-app-id:messages').toString('base64')
      await api(gateway, '/api/auth/me', { headers: { authorization: `Basic ${basic}` } })
      assert.equal(gateway.sidecar.seen[0]?.headers.authorization, undefined)
    })

    test('the sidecar is spoken to over connections that stay', async () => {
      const ports = new Set<unknown>()
      const count = (socket: { remotePort?: number | undefined }) => ports.add(socket.remotePort)
      gateway.sidecar.server.on('connection', count)
      for (let n = 0; n < 10; n++) await (await api(gateway, '/api/auth/me')).text()
      gateway.sidecar.server.off('connection', count)
      assert.ok(ports.size <= 2, `${ports.size} connections`)
    })

    test('errors of an app pass as they are, with their headers', async () => {
      for (const [status, code] of [
        [401, 'token_expired'],
        [404, 'conversation_not_found'],
        [405, 'method_not_allowed'],
        [422, 'invalid_body'],
        [429, 'rate_limited'],
        [503, 'overloaded'],
      ] as const) {
        gateway.sidecar.stage.answer = () => ({
          status,
          headers: { 'content-type': 'application/problem+json', 'retry-after': '7' },
          body: JSON.stringify({ code, mine: true }),
        })
        const response = await api(gateway, '/api/conversations/c1')
        assert.equal(response.status, status)
        assert.deepEqual(await response.json(), { code, mine: true })
        assert.equal(response.headers.get('retry-after'), '7')
        assert.equal(response.headers.get('x-powered-by'), null)
        assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
      }
    })

    test('an app that the sidecar cannot reach is unavailable; an error inside of an app is internal', async () => {
      gateway.sidecar.stage.answer = () => ({
        status: 500,
        body: '{"errorCode":"ERR_DIRECT_INVOKE","message":"secret"}',
      })
      const down = await api(gateway, '/api/conversations')
      assert.equal(down.headers.get('retry-after'), '1')
      await assertProblem(down, 'unavailable')
      gateway.sidecar.stage.answer = () => ({
        status: 500,
        headers: { 'content-type': 'application/problem+json' },
        body: '{"stack":"secret"}',
      })
      const failed = await api(gateway, '/api/conversations')
      assert.equal(failed.headers.get('retry-after'), null)
      await assertProblem(failed, 'internal')
    })

    test('/readyz is what auth says of the whole system', async () => {
      gateway.sidecar.stage.answer = () => ({ status: 503, body: '{"ready":false,"services":{}}' })
      const response = await api(gateway, '/readyz')
      assert.equal(response.status, 503)
      assert.deepEqual(await response.json(), { ready: false, services: {} })
      assert.equal(gateway.sidecar.seen[0]?.url, '/v1.0/invoke/auth/method/internal/system-readiness')
    })

    test('/healthz lives without anything behind it', async () => {
      assert.deepEqual(await (await api(gateway, '/healthz')).json(), { status: 'ok' })
      assert.equal(gateway.sidecar.seen.length, 0)
    })

    test('a body has its limit, also where its size is not told', async () => {
      const post = (body: NonNullable<RequestInit['body']>) =>
        api(gateway, '/api/auth/login', { method: 'POST', body, duplex: 'half' } as RequestInit)
      assert.equal((await post('a'.repeat(limits.requestBodyBytes))).status, 200)
      assert.equal(gateway.sidecar.seen[0]?.body.length, limits.requestBodyBytes)
      await assertProblem(await post('a'.repeat(limits.requestBodyBytes + 1)), 'body_too_large')
      const chunks = `${`1000\n${'a'.repeat(4096)}\n`.repeat(17)}0\n\n`
      const chunked = await raw(
        gateway.port,
        `POST /api/auth/login HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n\n${chunks}`,
      )
      assert.equal(chunked.status, 413)
      assert.match(chunked.body, /"limit":65536/)
      assert.equal(gateway.sidecar.seen.length, 1)
    })

    test('a request without a known size is passed on with its size', async () => {
      await raw(
        gateway.port,
        'POST /api/auth/login HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n',
      )
      assert.equal(gateway.sidecar.seen[0]?.body, '{}')
      assert.equal(gateway.sidecar.seen[0]?.headers['content-length'], '2')
    })

    const post = 'POST /api/auth/login HTTP/1.1\nHost: x\n'
    const hidden = '0\n\nGET /api/auth/smuggled HTTP/1.1\nHost: x\n\n'
    const malformed = {
      'a length and chunks': `${post}Content-Length: 2\nTransfer-Encoding: chunked\n\n${hidden}`,
      'two lengths': `${post}Content-Length: 2\nContent-Length: 3\n\n${hidden}`,
      'a list of lengths': `${post}Content-Length: 2, 2\n\n${hidden}`,
      'a length with a sign': `${post}Content-Length: +2\n\n${hidden}`,
      'a blank before the colon': `${post}Transfer-Encoding : chunked\n\n${hidden}`,
      'a coding that nobody knows': `${post}Transfer-Encoding: xchunked\n\n${hidden}`,
      'two codings': `${post}Transfer-Encoding: chunked, identity\n\n${hidden}`,
      'a chunk larger than a number': `${post}Transfer-Encoding: chunked\n\nfffffffffffffffff\n${hidden}`,
      'no host': 'GET /api/auth/me HTTP/1.1\n\n',
      'a blank in the target': 'GET /api/auth /me HTTP/1.1\nHost: x\n\n',
      'another protocol': 'GET /api/auth/me SIP/2.0\nHost: x\n\n',
      'a head too large': `GET /api/auth/me HTTP/1.1\nHost: x\nA: ${'a'.repeat(40_000)}\n\n`,
    }
    for (const [what, request] of Object.entries(malformed))
      test(`${what} in a request: refused, and nothing of it goes on`, async () => {
        const { status, head, body } = await raw(gateway.port, request)
        assert.equal(status, 400)
        // Whatever an app answers with 400 passes as it is; so does what NGINX says when it reads the body for an app.
        if (kind === 'nginx' && what.includes('chunk larger')) return
        assert.match(head, /^content-type: application\/problem\+json\r?$/im)
        assert.equal((JSON.parse(body) as { code: string }).code, 'request_malformed')
        assert.deepEqual(gateway.sidecar.seen, [])
      })

    test('requests in one connection go on one by one, each with the length that it has', async () => {
      const requests = [
        `${post}Transfer-Encoding: chunked\nTransfer_Encoding: identity\n\n2\n{}\n0\n\n`,
        `${post}Content-Length: 4\nX: a\n\n{"a"`,
        'GET /api/auth/me HTTP/1.1\nHost: x\nConnection: close\n\n',
      ]
      await raw(gateway.port, requests.join(''))
      const deadline = Date.now() + 10_000
      while (gateway.sidecar.seen.length < 3 && Date.now() < deadline) await delay(10)
      assert.deepEqual(
        gateway.sidecar.seen.map(({ url, body }) => [url.split('/').at(-1), body]),
        [
          ['login', '{}'],
          ['login', '{"a"'],
          ['me', ''],
        ],
      )
      for (const { headers, body } of gateway.sidecar.seen) {
        assert.equal(headers['transfer-encoding'], undefined)
        assert.equal(Number(headers['content-length'] ?? 0), body.length)
      }
    })

    test('who is still sending a body that is too large hears so', async () => {
      const body = 'a'.repeat(5_000_000)
      const { status } = await raw(gateway.port, `${post}Content-Length: ${body.length}\n\n${body}`)
      assert.equal(status, 413)
      assert.equal(gateway.sidecar.seen.length, 0)
    })

    test('who offers HTTP/2 is answered in HTTP/1.1', async () => {
      const offer = 'Connection: close, Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQ\n'
      const { status } = await raw(gateway.port, `GET /api/auth/me HTTP/1.1\nHost: x\n${offer}\n`)
      assert.equal(status, 200)
      assert.equal(gateway.sidecar.seen[0]?.headers.upgrade, undefined)
    })

    test('answers of the API stay in no cache, unless the app says otherwise', async () => {
      assert.equal((await api(gateway, '/api/auth/me')).headers.get('cache-control'), 'no-store')
      gateway.sidecar.stage.answer = () => ({ status: 200, headers: { 'cache-control': 'max-age=60' } })
      const keys = await api(gateway, '/api/auth/.well-known/jwks.json')
      assert.equal(keys.headers.get('cache-control'), 'max-age=60')
    })

    test('unknown routes and methods are answered with a problem', async () => {
      await assertProblem(await api(gateway, '/api/nothing'), 'route_not_found')
      await assertProblem(await api(gateway, '/api/auth/me', { method: 'OPTIONS' }), 'method_not_allowed')
      await assertProblem(await api(gateway, '/', { method: 'POST' }), 'method_not_allowed')
      await assertProblem(await api(gateway, '/assets/missing.js'), 'route_not_found')
      assert.equal(gateway.sidecar.seen.length, 0)
    })

    test('the web app is served, each place in it too, and nothing hidden', async () => {
      for (const path of ['/', '/c/abc', '/settings?tab=push']) {
        const page = await api(gateway, path)
        assert.equal(page.status, 200)
        assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
        assert.equal(page.headers.get('cache-control'), 'no-cache')
        const policy = page.headers.get('content-security-policy') ?? ''
        assert.match(policy, /default-src 'none'.*frame-ancestors 'none'.*script-src 'self'/)
        assert.ok(
          policy.includes(
            `connect-src 'self' ws://127.0.0.1:${gateway.port} wss://127.0.0.1:${gateway.port}`,
          ),
          policy,
        )
        assert.equal(page.headers.get('referrer-policy'), 'no-referrer')
        assert.equal(page.headers.get('strict-transport-security'), null)
        assert.match(await page.text(), /<title>app/)
      }
      const asset = await api(gateway, '/assets/index-0a1b2c3d.js', {
        headers: { 'accept-encoding': 'gzip' },
      })
      assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable')
      assert.equal(asset.headers.get('content-encoding'), 'gzip')
      assert.match(asset.headers.get('content-type') ?? '', /javascript/)
      assert.equal((await api(gateway, '/manifest.webmanifest')).status, 200)
      for (const path of [
        '/.secret',
        '/assets/.secret',
        '/.git/config',
        '/assets/',
        '/assets/missing.js',
        '/missing.png',
      ])
        assert.equal((await api(gateway, path)).status, 404, path)
    })

    test('a Host that is not one stays out of the policy', async () => {
      const { head } = await raw(gateway.port, 'GET / HTTP/1.1\nHost: a;script-src:1\nConnection: close\n\n')
      assert.doesNotMatch(head, /script-src:1/)
    })

    test('the API documentation is a page without anything inline or from elsewhere', async () => {
      const page = await api(gateway, '/api/docs')
      assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self';/)
      assert.equal(page.headers.get('content-type')?.toLowerCase(), 'text/html; charset=utf-8')
      const html = await page.text()
      assert.doesNotMatch(html, /<script>|https?:|\son\w+=/)
      for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
        const file = await api(gateway, path ?? '')
        assert.equal(file.status, 200, path)
        const type = path?.endsWith('.css') ? /^text\/css/ : /^(?:text|application)\/javascript/
        assert.match(file.headers.get('content-type') ?? '', type)
        assert.ok((await file.text()).length > 100)
      }
      const file = await api(gateway, '/api/openapi.json')
      assert.match(file.headers.get('content-type') ?? '', /^application\/json/)
      assert.equal(((await file.json()) as { openapi: string }).openapi, '3.1.0')
      assert.equal((await api(gateway, '/api/asyncapi.json')).status, 200)
    })
  })
