import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ServiceStatus, statusOf } from '@parley/contracts'
import { recordedLogger } from '../testing/log.ts'
import { listen } from '../testing/server.ts'
import { createHttpApp, type HttpAppOptions } from './app.ts'
import { createLag } from './lag.ts'
import { createStatus } from './status.ts'

const sidecar = { version: '1.18.0', components: [{ name: 'pubsub', type: 'pubsub.mqtt3', version: 'v1' }] }

async function start(options: Partial<HttpAppOptions> = {}) {
  const { logger } = recordedLogger()
  const readiness = async () => ({ sidecar: 'ok', 'messages-store': 'ok' })
  const describe = async () => sidecar
  const app = createHttpApp(
    { app: 'messages', version: '1.2.3', logger, readiness, sidecar: { describe }, ...options },
    () => {},
  )
  const server = await listen(app)
  return {
    ...server,
    async look(caller = 'gateway') {
      const headers = { 'dapr-caller-app-id': caller }
      const answer = await fetch(`${server.url}/internal/status`, { headers })
      return { status: answer.status, body: (await answer.json()) as ServiceStatus }
    },
  }
}

describe('the status of a service', () => {
  it('has its version, its checks, its sidecar with components, and since when it runs', async () => {
    await using service = await start()
    const { status, body } = await service.look()
    assert.equal(status, 200)
    const { startedAt, ...rest } = statusOf('messages').answers[200].parse(body)
    assert.ok(Math.abs(Date.parse(startedAt) - (Date.now() - process.uptime() * 1_000)) < 5_000)
    const checks = { sidecar: 'ok', 'messages-store': 'ok' }
    assert.deepEqual(rest, { app: 'messages', version: '1.2.3', ready: true, checks, sidecar, lag: {} })
  })

  it('is for the gateway alone', async () => {
    await using service = await start()
    assert.equal((await service.look('realtime')).status, 403)
  })

  it('is answered with what is wrong, too', async () => {
    const readiness = async () => ({ sidecar: 'it does not answer' })
    const describe = () => Promise.reject(new Error('no answer'))
    await using service = await start({ readiness, sidecar: { describe } })
    const { status, body } = await service.look()
    assert.equal(status, 200)
    assert.deepEqual([body.ready, body.sidecar, body.checks], [false, undefined, await readiness()])
  })

  it('is looked up once for all who ask meanwhile or within a second', async () => {
    let now = 0
    let asked = 0
    const { logger } = recordedLogger()
    const readiness = async () => ({ looks: String(++asked) })
    const status = createStatus({ app: 'auth', version: '1', logger, readiness }, createLag(), () => now)
    await Promise.all([status(), status()])
    now = 1_000
    assert.equal((await status()).checks.looks, '1')
    now = 1_001
    assert.equal((await status()).checks.looks, '2')
  })
})

describe('the lag', () => {
  it('is that of this minute and the one before', () => {
    let now = 0
    const lag = createLag(() => now)
    assert.deepEqual(lag.read(), {})
    lag.saw('message.stored', 7.6)
    lag.saw('message.stored', 3)
    lag.saw('message.submitted', 1)
    const first = {
      'message.stored': { events: 2, worstMs: 8 },
      'message.submitted': { events: 1, worstMs: 1 },
    }
    assert.deepEqual(lag.read(), first)
    now = 60_000
    lag.saw('message.stored', 2)
    assert.deepEqual(lag.read(), { ...first, 'message.stored': { events: 3, worstMs: 8 } })
    now = 120_000
    assert.deepEqual(lag.read(), { 'message.stored': { events: 1, worstMs: 2 } })
    now = 300_000
    assert.deepEqual(lag.read(), {})
  })
})
