import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { messageRejected } from '@parley/contracts'
import { recordedLogger } from '../testing/log.ts'
import { listen } from '../testing/server.ts'
import { createHttpApp, type HttpApp, type HttpAppOptions } from './app.ts'
import { subscribe } from './subscribe.ts'

async function start(options: Partial<HttpAppOptions> = {}, register: (http: HttpApp) => void = () => {}) {
  const log = recordedLogger()
  const app = createHttpApp(
    { app: 'messages', version: '1.2.3', logger: log.logger, readiness: async () => ({}), ...options },
    register,
  )
  return { ...(await listen(app)), ...log }
}

describe('health', () => {
  it('lives, whatever is not ready', async () => {
    await using app = await start({ readiness: async () => ({ sidecar: 'is not there' }) })
    const answer = await fetch(`${app.url}/healthz`)
    assert.deepEqual([answer.status, await answer.json()], [200, { live: true }])
  })

  it('is ready when every check says ok, and tells who it is', async () => {
    const checks: Record<string, string> = { sidecar: 'ok', 'messages-store': 'ok' }
    await using app = await start({ readiness: async () => checks })
    const ask = async () => {
      const answer = await fetch(`${app.url}/readyz`)
      return [answer.status, await answer.json()]
    }
    assert.deepEqual(await ask(), [200, { ready: true, app: 'messages', version: '1.2.3', checks }])
    checks['messages-store'] = 'the store does not answer'
    assert.deepEqual(await ask(), [503, { ready: false, app: 'messages', version: '1.2.3', checks }])
  })

  it('is not ready when a check fails, and does not say how', async () => {
    await using app = await start({ readiness: () => Promise.reject(new Error('secret place')) })
    const answer = await fetch(`${app.url}/readyz`)
    const text = await answer.text()
    assert.equal(answer.status, 503)
    assert.doesNotMatch(text, /secret place/)
    assert.match(app.text(), /secret place/)
  })

  it('is not ready while it drains, and keeps no connection', async () => {
    await using app = await start({ readiness: async () => ({ sidecar: 'ok' }), draining: () => true })
    const answer = await fetch(`${app.url}/readyz`)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('connection'), 'close')
    assert.deepEqual(((await answer.json()) as { checks: unknown }).checks, {
      sidecar: 'ok',
      lifecycle: 'draining',
    })
  })
})

describe("the sidecar's token", () => {
  const appApiToken = 'a token of the sidecar'
  const register = (http: HttpApp) => {
    http.express.post('/internal/x', (_request, response) => void response.json({}))
    subscribe(http, messageRejected, async () => 'done')
  }
  const cases: readonly (readonly [string, string | undefined, boolean])[] = [
    ['none', undefined, false],
    ['an empty one', '', false],
    ['the beginning', appApiToken.slice(0, -1), false],
    ['one letter more', `${appApiToken}x`, false],
    ['another of the same length', appApiToken.replace('token', 'tokem'), false],
    ['the right one', appApiToken, true],
  ]
  for (const path of ['/internal/x', '/events/message.rejected', '/events/no.topic', '/nowhere'])
    for (const [name, token, passes] of cases)
      it(`${path} with ${name} is ${passes ? 'let in' : 'refused'}`, async () => {
        await using app = await start({ appApiToken }, register)
        const answer = await fetch(app.url + path, {
          method: 'POST',
          headers: token === undefined ? {} : { 'dapr-api-token': token },
        })
        assert.equal(answer.status === 403, !passes)
        if (!passes) assert.equal(((await answer.json()) as { code: string }).code, 'forbidden')
      })

  it('is not asked for by health', async () => {
    await using app = await start({ appApiToken })
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(app.url + path)).status, 200)
  })
})

describe('what goes wrong', () => {
  const register = (http: HttpApp) => {
    http.express.get('/breaks', () => {
      throw new Error('SELECT * FROM secrets')
    })
    http.express.get('/breaks-late', (_request, response) => {
      response.write('a')
      throw new Error('too late')
    })
    http.express.get('/of/:name', (_request, response) => void response.end())
  }

  it('is a problem without a word of it', async () => {
    await using app = await start({}, register)
    const answer = await fetch(`${app.url}/breaks`)
    assert.equal(answer.status, 500)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    assert.deepEqual(await answer.json(), {
      type: 'urn:parley:error:internal',
      title: 'Something went wrong in the server',
      status: 500,
      code: 'internal',
    })
    assert.match(app.text(), /SELECT \* FROM secrets/, 'but the log has it')
  })

  it('cuts an answer that has begun', async () => {
    await using app = await start({}, register)
    await assert.rejects(fetch(`${app.url}/breaks-late`).then((answer) => answer.text()))
  })

  it('names what is not there', async () => {
    await using app = await start({}, register)
    const answer = await fetch(`${app.url}/nowhere?query=private`, { method: 'POST' })
    const { code, detail } = (await answer.json()) as { code: string; detail: string }
    assert.deepEqual([answer.status, code, detail], [404, 'route_not_found', 'POST /nowhere'])
  })

  it('refuses a path that is not encoded', async () => {
    await using app = await start({}, register)
    const answer = await fetch(`${app.url}/of/%E0%A4%A`)
    assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [422, 'invalid_body'])
  })

  it('tells nobody what it is made of', async () => {
    await using app = await start()
    const { headers } = await fetch(`${app.url}/healthz`)
    assert.deepEqual([headers.get('x-powered-by'), headers.get('etag')], [null, null])
  })
})

describe('a line per request at debug', () => {
  it('has the trace of the caller, and not the query', async () => {
    await using app = await start()
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    await fetch(`${app.url}/healthz?query=private`, {
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    })
    const line = app.lines.find(({ msg }) => msg === 'request')
    assert.equal(line?.traceId, traceId)
    assert.deepEqual([line?.method, line?.path, line?.status], ['GET', '/healthz', 200])
    assert.doesNotMatch(app.text(), /private/)
  })
})
