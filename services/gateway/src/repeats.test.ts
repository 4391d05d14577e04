/** What the gateway sends again, and what it never does, where no app answers. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { io } from 'socket.io-client'
import { freePort, type Gateway, heard, type Kind, startGateway, startRealtime } from './gateway.harness.ts'
import { findNginx } from './nginx-process.ts'
import { tries } from './repeatable.ts'

const nginx = findNginx()?.path
/** As daprd says that it reaches no app. */
const unreached = { status: 500, body: '{"errorCode":"ERR_DIRECT_INVOKE","message":"secret"}' }
const failed = {
  status: 500,
  headers: { 'content-type': 'application/problem+json' },
  body: '{"code":"internal"}',
}
const overloaded = { ...failed, status: 503, body: '{"code":"overloaded"}' }

const message = { method: 'POST', path: '/api/conversations/c1/messages', body: '{"clientId":"a"}' }
const repeatable = [
  { method: 'GET', path: '/api/conversations/c1?a=b' },
  { method: 'PUT', path: '/api/conversations/c1/messages/5/reactions/%F0%9F%98%80' },
  { method: 'GET', path: '/readyz' },
  message,
  { ...message, path: `${message.path}?x=y` },
]
const notRepeatable = [
  { method: 'POST', path: '/api/auth/login', body: '{}' },
  { method: 'POST', path: '/api/auth/refresh', body: '{"refreshToken":"a"}' },
  // Their clientId is for who wants one.
  { method: 'POST', path: '/api/conversations', body: '{"clientId":"a"}' },
  { ...message, method: 'PATCH', path: '/api/conversations/c1/messages/5' },
  { method: 'DELETE', path: '/api/auth/sessions/s1' },
  { ...message, path: '/api/conversations/c1/messages/more' },
]

for (const kind of ['nginx', 'node'] satisfies Kind[])
  describe(kind, { skip: kind === 'nginx' && nginx === undefined ? 'there is no nginx here' : false }, () => {
    let gateway: Gateway
    before(async () => {
      gateway = await startGateway(kind, { nginx })
    })
    after(() => gateway.close())
    beforeEach(() => {
      gateway.sidecar.seen.length = 0
    })
    const send = ({ method, path, body }: { method: string; path: string; body?: string }) =>
      fetch(`${gateway.url}${path}`, { method, ...(body === undefined ? {} : { body }) })
    /** `times` answers of one kind, and then good ones. */
    const first = (times: number, answer: typeof unreached | 'cut') => {
      const { stage, seen } = gateway.sidecar
      stage.answer = () => (seen.length <= times ? answer : { status: 200, body: '{"ok":true}' })
    }
    const wasSent = () => new Set(gateway.sidecar.seen.map((it) => `${it.method} ${it.url} ${it.body}`))

    for (const request of repeatable)
      for (const answer of [unreached, failed, 'cut'] as const)
        test(`${request.method} ${request.path} again, after ${answer === 'cut' ? 'a cut' : answer.body}`, async () => {
          first(tries - 1, answer)
          const response = await send(request)
          assert.equal(response.status, 200)
          assert.deepEqual(await response.json(), { ok: true })
          assert.equal(gateway.sidecar.seen.length, tries)
          assert.equal(wasSent().size, 1, 'the same each time')
        })

    for (const request of notRepeatable)
      for (const answer of [unreached, 'cut'] as const)
        test(`${request.method} ${request.path} once, and then it is for the client to decide, after ${answer === 'cut' ? 'a cut' : 'no answer'}`, async () => {
          first(1, answer)
          const response = await send(request)
          assert.equal(response.status, 503)
          assert.equal(response.headers.get('retry-after'), '1')
          assert.equal(((await response.json()) as { code: string }).code, 'unavailable')
          assert.equal(gateway.sidecar.seen.length, 1)
        })

    test('what never comes to an answer ends', async () => {
      for (const [answer, status, code] of [
        [unreached, 503, 'unavailable'],
        [failed, 500, 'internal'],
        ['cut', 503, 'unavailable'],
      ] as const) {
        gateway.sidecar.seen.length = 0
        first(Number.POSITIVE_INFINITY, answer)
        const response = await send(message)
        assert.equal(response.status, status)
        assert.equal(((await response.json()) as { code: string }).code, code)
        assert.equal(gateway.sidecar.seen.length, tries)
      }
    })

    test('an app that says itself that it cannot now is not asked again', async () => {
      first(1, overloaded)
      assert.equal((await send(message)).status, 503)
      assert.equal(gateway.sidecar.seen.length, 1)
    })
  })

for (const kind of ['nginx', 'node'] satisfies Kind[])
  test(`${kind}: a handshake goes to another node where one takes no connection`, {
    skip: kind === 'nginx' && nginx === undefined ? 'there is no nginx here' : false,
  }, async () => {
    const node = await startRealtime(['polling', 'websocket'])
    const realtime = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${node.port}`]
    const gateway = await startGateway(kind, { nginx, realtime })
    try {
      for (const transports of [
        ['websocket'],
        ['websocket'],
        ['websocket'],
        ['polling'],
        ['polling', 'websocket'],
      ]) {
        const client = io(gateway.url, { transports, reconnection: false, forceNew: true })
        client.on('connect_error', (error) => assert.fail(error))
        await heard(client, 'connect')
        assert.equal(await client.emitWithAck('echo', 'a'), 'a')
        client.close()
      }
    } finally {
      await gateway.close()
      node.io.disconnectSockets(true)
      await node.io.close()
    }
  })
