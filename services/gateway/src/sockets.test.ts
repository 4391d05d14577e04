/** WebSockets, limits and failures, through both gateways. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { transport } from '@parley/contracts'
import { until } from '@parley/testkit'
import { io } from 'socket.io-client'
import {
  freePort,
  type Gateway,
  heard,
  type Kind,
  missing,
  raw,
  startGateway,
  startRealtime,
} from './gateway.harness.ts'
import { findNginx } from './nginx-process.ts'
import { timeouts } from './timeouts.ts'

const nginx = findNginx()?.path
/** A machine that needs 20 s for 40 requests is still too fast for this. */
const slow = { api: { perSecond: 1, burst: 20 }, socket: { perSecond: 1, burst: 20 } }
type Options = Parameters<typeof startGateway>[1]
const withGateway =
  (kind: Kind, use: (gateway: Gateway) => Promise<void>, options: Options = {}) =>
  async () => {
    const gateway = await startGateway(kind, { nginx, ...options })
    try {
      await use(gateway)
    } finally {
      await gateway.close()
    }
  }
const clientOf = (gateway: Gateway, options = {}) =>
  io(gateway.url, { transports: ['websocket'], reconnection: false, forceNew: true, ...options })

const isMissing = (kind: Kind) => (kind === 'nginx' && nginx === undefined ? 'there is no nginx here' : false)
const upgradeTo = (path: string) =>
  `GET ${path} HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n`

// Each test has a gateway of its own, and some wait for a time-out.
for (const kind of ['nginx', 'node'] satisfies Kind[])
  describe(kind, { concurrency: true, skip: isMissing(kind) }, () => {
    test(
      'a Socket.IO client talks to realtime',
      withGateway(kind, async (gateway) => {
        const client = clientOf(gateway, {
          extraHeaders: { 'x-forwarded-for': '6.6.6.6', 'dapr-caller-app-id': 'realtime' },
        })
        await heard(client, 'connect')
        assert.equal(await client.emitWithAck('echo', 'hello 😀'), 'hello 😀')
        const big = 'x'.repeat(60_000)
        assert.equal(await client.emitWithAck('echo', big), big)
        const [handshake = {}] = gateway.realtime.handshakes
        assert.equal(handshake['x-forwarded-for'], '127.0.0.1')
        assert.equal(handshake['dapr-caller-app-id'], undefined)
        assert.equal(handshake.host, `127.0.0.1:${gateway.port}`)
        client.close()
      }),
    )

    test(
      'what realtime says to long polling comes back',
      withGateway(kind, async (gateway) => {
        const response = await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`)
        assert.equal(response.status, 400)
        assert.deepEqual(await response.json(), { code: 0, message: 'Transport unknown' })
      }),
    )

    test('nodes of realtime take turns, and whoever polls stays with one', async () => {
      const nodes = [
        await startRealtime(['polling', 'websocket']),
        await startRealtime(['polling', 'websocket']),
      ]
      const realtime = nodes.map(({ port }) => `127.0.0.1:${port}`)
      const gateway = await startGateway(kind, { nginx, realtime })
      const four = async (transports: string[]) => {
        const clients = Array.from({ length: 4 }, () => clientOf(gateway, { transports }))
        await Promise.all(clients.map((client) => heard(client, 'connect')))
        for (const client of clients) assert.equal(await client.timeout(20_000).emitWithAck('echo', 'a'), 'a')
        for (const client of clients) client.close()
        return nodes.map(({ handshakes }) => handshakes.splice(0).length)
      }
      try {
        assert.deepEqual(await four(['websocket']), [2, 2])
        assert.deepEqual((await four(['polling', 'websocket'])).sort(), [0, 4])
      } finally {
        await gateway.close()
        for (const { io } of nodes) {
          io.disconnectSockets(true)
          await io.close()
        }
      }
    })

    test(
      'only the path of Socket.IO is upgraded',
      withGateway(kind, async (gateway) => {
        for (const path of ['/api/auth/me/../x', '/v1.0/../socket.io/', '//socket.io/', '/socket.io/../x/'])
          assert.equal((await raw(gateway.port, upgradeTo(path))).status, 404, path)
        assert.equal(gateway.realtime.handshakes.length, 0)
      }),
    )

    test(
      'an upgrade that realtime refuses opens no way to it',
      withGateway(kind, async (gateway) => {
        const refused = upgradeTo('/socket.io/?EIO=4&transport=websocket').replace(
          'Version: 13',
          'Version: 99',
        )
        const { status } = await raw(
          gateway.port,
          `${refused}GET /internal/x HTTP/1.1\nHost: x\nConnection: close\n\n`,
        )
        assert.equal(status, 400)
        assert.deepEqual(gateway.realtime.requests, [])
      }),
    )

    for (const [what, request] of Object.entries({
      head: 'GET /api/auth/me HTTP/1.1\nHost: x\n',
      body: 'POST /api/auth/login HTTP/1.1\nHost: x\nContent-Length: 10\n\n{',
    }))
      test(
        `who does not end the ${what} of a request is cut off`,
        withGateway(
          kind,
          async (gateway) => {
            const { status } = await raw(gateway.port, request)
            assert.ok([0, 400, 408].includes(status), `${status}`)
            assert.deepEqual(gateway.sidecar.seen, [])
          },
          { timeouts: { ...timeouts, requestSeconds: 2 } },
        ),
      )

    for (const [what, pingInterval] of [
      ['is asked', 500],
      ['is not', 600_000],
    ] as const)
      test(`a silent socket over TLS that ${what} ${pingInterval === 500 ? 'outlives the time-out' : 'does not'}`, {
        skip: missing('openssl'),
        timeout: 120_000,
      }, async () => {
        const realtime = await startRealtime(['websocket'], { pingInterval, pingTimeout: 60_000 })
        const use = async (gateway: Gateway) => {
          const client = clientOf(gateway, { ca: gateway.ca })
          await heard(client, 'connect')
          const gone = heard(client, 'disconnect')
          if (pingInterval > 500) return assert.equal(await gone, 'transport close')
          // More than twice the time-out.
          for (let ping = 0; ping < 9; ping++) await heard(client.io as never, 'ping')
          assert.equal(await client.emitWithAck('echo', 'still here'), 'still here')
          client.close()
        }
        const silent = { certified: true, timeouts: { ...timeouts, socketIdleSeconds: 2 } }
        await withGateway(kind, use, { ...silent, realtime: [`127.0.0.1:${realtime.port}`] })()
        realtime.io.disconnectSockets(true)
        await realtime.io.close()
      })

    test(
      'each request and each socket has a line of the log, with the trace that went on, and without its query',
      withGateway(kind, async (gateway) => {
        await fetch(`${gateway.url}/api/auth/me?token=very-secret`, {
          headers: { authorization: 'Bearer very-secret', 'user-agent': 'a "quoted" one' },
        })
        const client = clientOf(gateway, { query: { token: 'very-secret' } })
        await heard(client, 'connect')
        client.close()
        const find = (path: string) => gateway.accessLog().find((line) => line.path === path)
        await until(() => find('/api/auth/me') && find('/socket.io/'), 'both lines are in the log')
        const seen = [gateway.sidecar.seen[0]?.headers, gateway.realtime.handshakes[0]]
        for (const [index, path, status] of [
          [0, '/api/auth/me', 200],
          [1, '/socket.io/', 101],
        ] as const) {
          const line = find(path) ?? {}
          assert.deepEqual([line.status, line.method, line.address], [status, 'GET', '127.0.0.1'])
          assert.equal(typeof line.seconds, 'number')
          assert.equal(line.app, 'gateway')
          assert.match(String(line.traceId), /^[0-9a-f]{32}$/)
          assert.equal(String(seen[index]?.traceparent).split('-')[1], line.traceId)
        }
        assert.equal(find('/api/auth/me')?.userAgent, 'a "quoted" one')
        assert.doesNotMatch(JSON.stringify(gateway.accessLog()), /very-secret/)
      }),
    )

    test(
      'realtime that ends takes its sockets with it, and a new one is unavailable for a while',
      withGateway(kind, async (gateway) => {
        const client = clientOf(gateway)
        await heard(client, 'connect')
        const gone = heard(client, 'disconnect')
        gateway.realtime.io.disconnectSockets(true)
        await gateway.realtime.io.close()
        await gone
        await heard(clientOf(gateway), 'connect_error')
        const { status, body } = await raw(gateway.port, upgradeTo('/socket.io/?EIO=4&transport=websocket'))
        assert.equal(status, 503)
        assert.equal((JSON.parse(body) as { code: string }).code, 'unavailable')
      }),
    )

    test('without a sidecar the API is unavailable', async () => {
      const sidecarPort = await freePort()
      await withGateway(
        kind,
        async (gateway) => {
          for (const path of ['/api/auth/me', '/readyz']) {
            const response = await fetch(`${gateway.url}${path}`)
            assert.equal(response.status, 503)
            assert.equal(response.headers.get('retry-after'), '1')
            assert.equal(((await response.json()) as { code: string }).code, 'unavailable')
          }
        },
        { sidecarPort },
      )()
    })

    test(
      'an address that asks too fast is told so, and when to come back',
      withGateway(
        kind,
        async (gateway) => {
          const ask = () => fetch(`${gateway.url}/api/auth/me`)
          const answers = await Promise.all(Array.from({ length: 40 }, ask))
          const refused = answers.filter((answer) => answer.status === 429)
          const [first] = refused
          assert.ok(first, 'nobody was refused')
          assert.equal(first.headers.get('retry-after'), '1')
          assert.equal(((await first.json()) as { code: string }).code, 'rate_limited')
          assert.ok(answers.filter((answer) => answer.status === 200).length >= slow.api.burst)
          assert.equal((await fetch(`${gateway.url}/healthz`)).status, 200)

          // Whoever is over the rate of the API may still connect, up to that of sockets.
          const connects = await Promise.all(
            Array.from({ length: 40 }, () =>
              raw(gateway.port, upgradeTo('/socket.io/?EIO=4&transport=none')),
            ),
          )
          const statuses = new Set(connects.map(({ status }) => status))
          assert.deepEqual(statuses, new Set([400, 429]))
        },
        { rates: slow },
      ),
    )
  })

describe('nginx alone', { skip: nginx === undefined ? 'there is no nginx here' : false }, () => {
  test(
    'its configuration, which holds a token, is readable by nobody else',
    withGateway('nginx', async (gateway) => {
      assert.equal(statSync(join(gateway.folder, 'run/nginx.conf')).mode & 0o777, 0o600)
    }),
  )
})

test('what is silent is only taken for dead after realtime has asked and waited', () => {
  assert.ok(timeouts.socketIdleSeconds * 1000 > transport.pingIntervalMs + transport.pingTimeoutMs)
})
