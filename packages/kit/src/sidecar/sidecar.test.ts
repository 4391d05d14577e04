import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findUsers, getMe, getUser, listSessions, logout, messageRejected } from '@parley/contracts'
import { ChatError } from '../errors.ts'
import { recordedLogger } from '../testing/log.ts'
import { listen, type Reply, type Seen, standIn } from '../testing/server.ts'
import { runInTrace } from '../trace.ts'
import { createSidecar, type SidecarOptions } from './sidecar.ts'

const secret = 'the token of daprd'
const rejected = {
  items: [
    { conversationId: 'c1', senderId: 'u1', clientId: 'k', error: { code: 'forbidden', message: 'no' } },
  ],
} as const
const problem = (code: string, status: number, more = {}): Reply => ({
  status,
  type: 'application/problem+json',
  body: { type: `urn:parley:error:${code}`, title: '', status, code, ...more },
})
const isCode = (code: string) => (error: unknown) => error instanceof ChatError && error.code === code

const timeoutsOf = (ms: number) => ({ publishMs: ms, invokeMs: ms, stateReadMs: ms, healthMs: ms })
/** For a loaded machine. */
const patient = timeoutsOf(20_000)
/** For where no answer comes. */
const impatient = { timeouts: timeoutsOf(100) }
const waiting = (reply: unknown) => (reply === undefined ? impatient : {})

/** daprd as the test wants it, and the sidecar of `messages` on it. */
async function start(answer: (request: Seen) => Reply | undefined, options: Partial<SidecarOptions> = {}) {
  const daprd = await standIn(answer)
  const log = recordedLogger()
  const sidecar = createSidecar({
    httpPort: daprd.port,
    app: 'messages',
    logger: log.logger,
    apiToken: secret,
    timeouts: patient,
    ...options,
  })
  return {
    sidecar,
    seen: daprd.seen,
    log,
    async [Symbol.asyncDispose]() {
      await sidecar.close()
      await daprd[Symbol.asyncDispose]()
    },
  }
}
/** A port that nobody listens on any more. */
async function nowhere() {
  const { port, ...server } = await listen(() => {})
  await server[Symbol.asyncDispose]()
  return createSidecar({ httpPort: port, app: 'messages', logger: recordedLogger().logger })
}

describe('publishing', () => {
  it('names topic, type and lane, proves itself and goes on in the trace', async () => {
    await using dapr = await start(() => ({ status: 204 }))
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    await runInTrace({ traceId, flags: '01' }, () =>
      dapr.sidecar.publish(messageRejected, rejected as never, { lane: 7 }),
    )
    const [request] = dapr.seen
    assert.equal(
      request?.path,
      '/v1.0/publish/pubsub/message.rejected?metadata.cloudevent.type=message.rejected&metadata.partitionKey=7',
    )
    assert.deepEqual(JSON.parse(request?.body ?? ''), rejected)
    assert.equal(request?.headers['dapr-api-token'], secret)
    assert.match(String(request?.headers.traceparent), new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  })

  it('publishes again what was once an event', async () => {
    await using dapr = await start(() => ({ status: 204 }))
    await dapr.sidecar.publishRaw('message.rejected', rejected)
    assert.deepEqual(JSON.parse(dapr.seen[0]?.body ?? ''), rejected)
  })

  const failures: readonly (readonly [name: string, reply: Reply | undefined, code: string])[] = [
    [
      'an error of the broker',
      { status: 500, body: { errorCode: 'ERR_PUBSUB_PUBLISH_MESSAGE' } },
      'unavailable',
    ],
    ['too many requests', { status: 429 }, 'unavailable'],
    ['a component that is not there', { status: 404 }, 'internal'],
    ['a token that is wrong', { status: 401 }, 'internal'],
    ['no answer', undefined, 'unavailable'],
  ]
  for (const [name, reply, code] of failures)
    it(`throws ${code} at ${name}`, async () => {
      await using dapr = await start(() => reply, waiting(reply))
      await assert.rejects(dapr.sidecar.publish(messageRejected, rejected as never), isCode(code))
    })

  it('throws unavailable where nobody listens', async () => {
    const sidecar = await nowhere()
    await assert.rejects(sidecar.publish(messageRejected, rejected as never), isCode('unavailable'))
    await sidecar.close()
  })

  it('is given up by its caller, before or while it waits', async () => {
    await using dapr = await start(() => undefined, { timeouts: { publishMs: 60_000 } })
    const publish = (signal: AbortSignal) =>
      assert.rejects(
        dapr.sidecar.publish(messageRejected, rejected as never, { signal }),
        isCode('unavailable'),
      )
    await publish(AbortSignal.abort())
    assert.equal(dapr.seen.length, 0)
    await publish(AbortSignal.timeout(50))
    assert.equal(dapr.seen.length, 1)
  })

  it('that is stuck keeps nobody from the store', async () => {
    await using dapr = await start(({ path }) => (path.includes('/publish/') ? undefined : { body: [] }), {
      timeouts: { publishMs: 60_000 },
    })
    const stop = new AbortController()
    const stuck = Array.from({ length: 80 }, () =>
      dapr.sidecar
        .publish(messageRejected, rejected as never, { signal: stop.signal })
        .catch(() => 'given up'),
    )
    assert.equal((await dapr.sidecar.state.getBulk('messages-store', ['k'])).size, 0)
    stop.abort()
    assert.deepEqual(new Set(await Promise.all(stuck)), new Set(['given up']))
  })
})

describe('invoking', () => {
  it('asks the app of the route at its path, each part encoded, and parses the answer', async () => {
    const found = { items: [{ id: 'u1', username: 'ada', displayName: 'Ada' }] }
    await using dapr = await start(() => ({ body: { ...found, more: 'than asked' } }))
    const answer = await dapr.sidecar.invoke(findUsers, { query: { query: 'a&b=c d', limit: 3 } })
    assert.deepEqual(answer, found)
    const [request] = dapr.seen
    assert.deepEqual(
      [request?.method, request?.path, request?.headers['dapr-app-id'], request?.headers['dapr-api-token']],
      ['GET', '/api/users?query=a%26b%3Dc+d&limit=3', 'auth', secret],
    )
    await assert.rejects(
      dapr.sidecar.invoke(getUser, { params: { userId: 'a/../b' as never } }),
      isCode('internal'),
    )
    assert.equal(dapr.seen[1]?.path, '/api/users/a%2F..%2Fb')
  })

  it('needs its parameters', async () => {
    await using dapr = await start(() => ({}))
    await assert.rejects(dapr.sidecar.invoke(getUser), TypeError)
  })

  it('has no answer where there is none', async () => {
    await using dapr = await start(() => ({ status: 204 }))
    assert.equal(await dapr.sidecar.invoke(logout), undefined)
  })

  it('throws the problem of the other app on', async () => {
    await using dapr = await start(() =>
      problem('rate_limited', 429, { retryAfterMs: 700, detail: 'slow', limit: 20 }),
    )
    await assert.rejects(dapr.sidecar.invoke(getMe), (error) => {
      assert.ok(error instanceof ChatError)
      assert.deepEqual(
        [error.code, error.detail, error.retryAfterMs, error.extra],
        ['rate_limited', 'slow', 700, { limit: 20 }],
      )
      return true
    })
  })

  const failures: readonly (readonly [name: string, reply: Reply | undefined, code: string])[] = [
    ['an app that is not there', { status: 500, body: { errorCode: 'ERR_DIRECT_INVOKE' } }, 'unavailable'],
    ['a problem with a code that is not ours', problem('no_such_code', 500), 'unavailable'],
    ['an access policy that says no', { status: 403, body: { errorCode: 'ERR_PERMISSION' } }, 'internal'],
    ['an answer that is not of its contract', { body: { items: [{ id: 7 }] } }, 'internal'],
    ['an answer that is no JSON', { body: '<html>' }, 'internal'],
    ['a status that is not of its contract', { status: 201, body: {} }, 'internal'],
    ['no answer', undefined, 'unavailable'],
  ]
  for (const [name, reply, code] of failures)
    it(`throws ${code} at ${name}`, async () => {
      await using dapr = await start(() => reply, waiting(reply))
      await assert.rejects(dapr.sidecar.invoke(listSessions), isCode(code))
    })

  it('waits as long as its caller says, or until the signal', async () => {
    await using dapr = await start(() => undefined, { timeouts: { invokeMs: 60_000 } })
    await assert.rejects(dapr.sidecar.invoke(getMe, {}, { timeoutMs: 30 }), isCode('unavailable'))
    const { signal } = new AbortController()
    const late = AbortSignal.any([signal, AbortSignal.timeout(30)])
    await assert.rejects(dapr.sidecar.invoke(getMe, {}, { signal: late }), isCode('unavailable'))
  })
})

describe('the health of the sidecar', () => {
  const healthy = ({ path }: Seen): Reply =>
    path === '/v1.0/metadata' ? { body: { components: [{ name: 'pubsub' }] } } : { status: 204 }

  it('is ok when it answers and has its broker', async () => {
    await using dapr = await start(healthy)
    assert.equal(await dapr.sidecar.check(), 'ok')
    assert.equal(await dapr.sidecar.check(), 'ok')
    const asked = dapr.seen.map(({ path }) => path)
    assert.deepEqual(
      asked,
      ['/v1.0/healthz', '/v1.0/metadata', '/v1.0/healthz'],
      'what is loaded stays loaded',
    )
  })

  const sick: readonly (readonly [RegExp, (request: Seen) => Reply | undefined])[] = [
    [/^the sidecar of messages answers 500$/, () => ({ status: 500 })],
    [/^the sidecar of messages does not answer on port \d+$/, () => undefined],
    [
      /^the sidecar of messages has no component "pubsub"$/,
      (request) =>
        request.path === '/v1.0/metadata' ? { body: { components: [{ name: 'x' }] } } : healthy(request),
    ],
    [
      /^the sidecar of messages does not tell its components: is DAPR_API_TOKEN the same for both\?$/,
      (request) => (request.path === '/v1.0/metadata' ? { status: 401 } : healthy(request)),
    ],
  ]
  for (const [sentence, answer] of sick)
    it(`says: ${sentence.source}`, async () => {
      const silent = sentence.source.includes('does not answer')
      await using dapr = await start(answer, silent ? impatient : {})
      assert.match(await dapr.sidecar.check(), sentence)
    })

  for (const [type, has] of [
    ['pubsub.kafka', true],
    ['pubsub.mqtt3', false],
  ] as const)
    it(`says whether its broker has partitions: ${type}`, async () => {
      await using dapr = await start(() => ({ body: { components: [{ name: 'pubsub', type }] } }))
      assert.equal(await dapr.sidecar.brokerHasPartitions(), has)
    })

  it('is waited for until the components are loaded', async () => {
    let asked = 0
    await using dapr = await start(() => ({ status: ++asked < 3 ? 500 : 204 }))
    await dapr.sidecar.waitUntilReady({ signal: AbortSignal.timeout(60_000) })
    assert.deepEqual(new Set(dapr.seen.map(({ path }) => path)), new Set(['/v1.0/healthz/outbound']))
    assert.equal(asked, 3)
  })

  it('is not waited for after the signal', async () => {
    const sidecar = await nowhere()
    const stop = new AbortController()
    const waiting = sidecar.waitUntilReady({ signal: stop.signal })
    setTimeout(() => stop.abort(), 150)
    await assert.rejects(waiting, { name: 'AbortError' })
    await sidecar.close()
  })
})

describe('secrets', () => {
  const secrets = ({ path, headers }: Seen): Reply => {
    if (path === '/v1.0/metadata') return { body: { id: 'messages' } }
    if (headers['dapr-api-token'] !== secret) return { status: 401 }
    if (path === '/v1.0/secrets/secrets/push%2Fkey') return { body: { 'push/key': 'value' } }
    if (path.startsWith('/v1.0/secrets/secrets/sick'))
      return { status: 500, body: { errorCode: 'ERR_SECRET_GET' } }
    if (path.startsWith('/v1.0/secrets/'))
      return { status: 500, body: { errorCode: 'ERR_SECRET_GET', message: 'secret x not found' } }
    return { status: 204 }
  }

  it('are there, are not there, or cannot be asked', async () => {
    await using dapr = await start(secrets)
    assert.equal(await dapr.sidecar.secret('push/key'), 'value')
    assert.equal(await dapr.sidecar.secret('x'), undefined)
    await assert.rejects(dapr.sidecar.secret('sick'), isCode('unavailable'))
  })
})
