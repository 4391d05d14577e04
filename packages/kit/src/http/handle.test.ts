import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { describe, it } from 'node:test'
import { defineRoute, limits, type SessionId, type UserId } from '@parley/contracts'
import { z } from 'zod'
import { ChatError } from '../errors.ts'
import { createLogger } from '../logger.ts'
import { listen } from '../testing/server.ts'
import { createHttpApp, type HttpApp } from './app.ts'
import { handle } from './handle.ts'

const route = { app: 'messages', summary: 'For a test.', errors: [] } as const
const open = defineRoute({
  ...route,
  id: 'open',
  method: 'POST',
  path: '/api/things/:id',
  access: 'public',
  params: z.object({ id: z.string().max(3) }),
  query: z.object({ limit: z.coerce.number().int().max(9).default(5) }),
  body: z.object({ text: z.string() }),
  answers: { 201: z.unknown() },
})
const mine = defineRoute({
  ...route,
  id: 'mine',
  method: 'GET',
  path: '/api/mine',
  access: 'user',
  answers: { 200: z.unknown() },
})
const gone = defineRoute({
  ...route,
  id: 'gone',
  method: 'DELETE',
  path: '/api/mine',
  access: 'user',
  answers: { 204: null },
})
const inner = defineRoute({
  ...route,
  id: 'inner',
  method: 'POST',
  path: '/internal/x',
  access: ['realtime', 'messages'],
  body: z.object({ text: z.string() }),
  answers: { 200: z.unknown() },
})

const verifyToken = async (token: string) => {
  if (token !== 'good') throw new ChatError('token_expired')
  return { userId: 'u1' as UserId, sessionId: 's1' as SessionId }
}

async function start(register: (http: HttpApp) => void) {
  const logger = createLogger('messages', 'silent')
  const app = createHttpApp(
    { app: 'messages', version: '', logger, readiness: async () => ({}), verifyToken },
    register,
  )
  const server = await listen(app)
  return {
    ...server,
    async call(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
      const answer = await fetch(server.url + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      })
      const text = await answer.text()
      // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
      return { status: answer.status, headers: answer.headers, body: (text && JSON.parse(text)) as any }
    },
  }
}
const withOpen = () =>
  start((http) =>
    handle(http, open, async ({ params, query, body }) => ({
      status: 201,
      body: { ...params, ...query, ...body },
    })),
  )

describe('a route', () => {
  it('gets its input parsed, whatever the content type says', async () => {
    await using app = await withOpen()
    for (const type of ['application/json', 'text/plain', '']) {
      const headers = type === '' ? {} : { 'content-type': type }
      const { status, body } = await app.call('POST', '/api/things/a?limit=7', '{"text":"é"}', headers)
      assert.deepEqual([status, body], [201, { id: 'a', limit: 7, text: 'é' }])
    }
    const { body } = await app.call('POST', '/api/things/a', '{"text":""}')
    assert.equal(body.limit, 5)
  })

  const bad: readonly (readonly [
    name: string,
    path: string,
    body: string | undefined,
    status: number,
    detail: RegExp,
  ])[] = [
    ['a path that is too long', '/api/things/abcd', '{"text":""}', 422, /^path\.id: /],
    ['a query out of bounds', '/api/things/a?limit=10', '{"text":""}', 422, /^query\.limit: /],
    ['a query given twice', '/api/things/a?limit=1&limit=2', '{"text":""}', 422, /^query\.limit: /],
    ['no body', '/api/things/a', undefined, 422, /^body/],
    ['a body without a member', '/api/things/a', '{}', 422, /^body\.text: /],
    ['a body that is no object', '/api/things/a', '"text"', 400, /JSON/],
    ['a body that is cut', '/api/things/a', '{"text":', 400, /JSON/],
    [
      'a body over the limit',
      '/api/things/a',
      JSON.stringify({ text: 'x'.repeat(limits.requestBodyBytes) }),
      413,
      new RegExp(String(limits.requestBodyBytes)),
    ],
  ]
  for (const [name, path, body, status, detail] of bad)
    it(`refuses ${name} and says where`, async () => {
      await using app = await withOpen()
      const answer = await app.call('POST', path, body)
      assert.equal(answer.status, status)
      assert.equal(
        answer.body.code,
        { 400: 'body_not_json', 413: 'body_too_large', 422: 'invalid_body' }[status],
      )
      assert.match(answer.body.detail, detail)
      if (status === 413) assert.equal(answer.body.limit, limits.requestBodyBytes)
    })

  it('tells at most ten issues', async () => {
    const many = {
      ...open,
      body: z.object(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, z.string()]))),
    }
    await using app = await start((http) => handle(http, many, async () => ({ status: 201, body: {} })))
    assert.equal((await app.call('POST', '/api/things/a', '{}')).body.issues.length, 10)
  })

  it('answers an error with its status, and when to come again', async () => {
    await using app = await start((http) =>
      handle(http, open, async () => {
        throw new ChatError('rate_limited', { retryAfterMs: 1_200 })
      }),
    )
    const { status, headers, body } = await app.call('POST', '/api/things/a', '{"text":""}')
    assert.deepEqual([status, headers.get('retry-after'), body.retryAfterMs], [429, '2', 1_200])
  })

  it('takes the address that the gateway saw', async () => {
    await using app = await start((http) =>
      handle(http, open, async ({ ip }) => ({ status: 201, body: { ip } })),
    )
    const from = async (headers: Record<string, string>) =>
      (await app.call('POST', '/api/things/a', '{"text":""}', headers)).body.ip
    assert.equal(await from({}), '127.0.0.1')
    assert.equal(await from({ 'x-forwarded-for': '192.0.2.1, 10.0.0.1' }), '192.0.2.1')
  })

  it('is told when its client goes away', async () => {
    let aborted: (value: boolean) => void = () => {}
    const seen = new Promise<boolean>((resolve) => {
      aborted = resolve
    })
    await using app = await start((http) =>
      handle(http, open, async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        aborted(signal.aborted)
        return { status: 201, body: {} }
      }),
    )
    const request = httpRequest({ port: app.port, method: 'POST', path: '/api/things/a' })
    request.on('error', () => {})
    request.end('{"text":""}', () => setTimeout(() => request.destroy(), 50))
    assert.equal(await seen, true)
  })

  it('has no caller where it is not for users', async () => {
    await using app = await start((http) =>
      handle(http, open, async ({ caller }) => ({ status: 201, body: caller })),
    )
    assert.equal((await app.call('POST', '/api/things/a', '{"text":""}')).body.code, 'internal')
  })
})

describe('a route for users', () => {
  const register = (http: HttpApp) => {
    handle(http, mine, async ({ caller }) => ({ status: 200, body: caller }))
    handle(http, gone, async () => ({ status: 204 }))
  }
  const cases = [
    [undefined, 'token_missing'],
    ['', 'token_missing'],
    ['Bearer', 'token_invalid'],
    ['Basic good', 'token_invalid'],
    ['Bearer good bad', 'token_invalid'],
    ['Bearer old', 'token_expired'],
  ] as const
  for (const [authorization, code] of cases)
    it(`answers ${authorization ?? 'nothing'} with ${code}`, async () => {
      await using app = await start(register)
      const answer = await app.call('GET', '/api/mine', undefined, {
        ...(authorization === undefined ? {} : { authorization }),
      })
      assert.deepEqual([answer.status, answer.body.code], [401, code])
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
    })

  it('knows who calls', async () => {
    await using app = await start(register)
    const answer = await app.call('GET', '/api/mine', undefined, { authorization: 'bearer good' })
    assert.deepEqual([answer.status, answer.body], [200, { userId: 'u1', sessionId: 's1' }])
  })

  it('may have nothing to say', async () => {
    await using app = await start(register)
    const answer = await app.call('DELETE', '/api/mine', undefined, { authorization: 'Bearer good' })
    assert.deepEqual([answer.status, answer.body, answer.headers.get('content-type')], [204, '', null])
  })

  it('cannot be served without a way to verify them', () => {
    const logger = createLogger('messages', 'silent')
    const options = { app: 'messages', version: '', logger, readiness: async () => ({}) } as const
    assert.throws(() => createHttpApp(options, register), TypeError)
  })
})

describe('an internal route', () => {
  const cases = [
    ['realtime', 200],
    [undefined, 200],
    ['messages', 200],
    ['gateway', 403],
    ['notifications', 403],
    ['nobody', 403],
    ['', 403],
  ] as const
  for (const [caller, status] of cases)
    it(`answers ${caller === undefined ? 'its own sidecar' : `"${caller}"`} with ${status}`, async () => {
      await using app = await start((http) =>
        handle(http, inner, async ({ callerApp }) => ({ status: 200, body: { callerApp } })),
      )
      const headers: Record<string, string> = caller === undefined ? {} : { 'dapr-caller-app-id': caller }
      const answer = await app.call('POST', '/internal/x', '{"text":""}', headers)
      assert.equal(answer.status, status)
      if (status === 200) assert.equal(answer.body.callerApp, caller ?? 'messages')
    })

  it('takes more than a client may send', async () => {
    await using app = await start((http) =>
      handle(http, inner, async ({ body }) => ({ status: 200, body: { length: body.text.length } })),
    )
    const text = 'x'.repeat(2 * 1024 * 1024)
    assert.equal((await app.call('POST', '/internal/x', JSON.stringify({ text }))).body.length, text.length)
    const answer = await app.call('POST', '/internal/x', JSON.stringify({ text: text + text }))
    assert.equal(answer.status, 413)
  })
})
