import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { messageRejected, messageSubmitted, metrics as names } from '@parley/contracts'
import { z } from 'zod'
import { defineFamily } from '../document-store.ts'
import { createHttpApp } from '../http/app.ts'
import { reject, subscribe } from '../http/subscribe.ts'
import { memoryDocumentStore } from '../memory-document-store.ts'
import { recordedLogger } from '../testing/log.ts'
import { listen } from '../testing/server.ts'
import { createMetrics } from './metrics.ts'
import { serveMetrics } from './serve.ts'
import { watchedStore } from './watched-store.ts'

/** The labels of a series come in any order. */
const sorted = (line: string) => line.replace(/\{(.*)\}/, (_, all: string) => `{${all.split(',').sort()}}`)

const has = async (metrics: { text(): Promise<string> }, series: string) =>
  assert.ok((await metrics.text()).split('\n').map(sorted).includes(sorted(series)), series)

describe('metrics', () => {
  it('begin at zero, with every series that can be', async () => {
    const metrics = createMetrics('realtime')
    await has(metrics, 'parley_sends_total{outcome="overloaded",app="realtime"} 0')
    metrics.count(names.sends, { outcome: 'overloaded' })
    await has(metrics, 'parley_sends_total{outcome="overloaded",app="realtime"} 1')
  })

  it('are those of the app alone', async () => {
    assert.doesNotMatch(await createMetrics('auth').text(), /parley_sends_total/)
  })

  it('ask a gauge when somebody looks', async () => {
    const metrics = createMetrics('realtime')
    await has(metrics, 'parley_sockets{app="realtime"} 0')
    let sockets = 1
    metrics.gauge(names.sockets, () => sockets)
    sockets = 2
    await has(metrics, 'parley_sockets{app="realtime"} 2')
    metrics.gauge(names.sockets, () => 3)
    await has(metrics, 'parley_sockets{app="realtime"} 3')
  })
})

describe('the port of the metrics', () => {
  it('serves them and nothing else, with those of the process', async () => {
    const { logger } = recordedLogger()
    const server = serveMetrics(createMetrics('auth'), { metricsPort: 0, metricsBind: '127.0.0.1' }, logger)
    assert.ok(server)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
    const answer = await ask('/metrics')
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    assert.match(await answer.text(), /nodejs_eventloop_lag_p99_seconds\{app="auth"\} /)
    assert.equal((await ask('/')).status, 404)
    server.closeAllConnections()
    server.close()
  })

  it('is closed where none is named', () => {
    const { logger } = recordedLogger()
    assert.equal(serveMetrics(createMetrics('auth'), { metricsBind: '127.0.0.1' }, logger), undefined)
  })

  it('is not that of the app', async () => {
    const { logger } = recordedLogger()
    const options = { app: 'auth', version: '1', logger, readiness: async () => ({}) } as const
    await using app = await listen(createHttpApp({ ...options, metrics: createMetrics('auth') }, () => {}))
    assert.equal((await fetch(`${app.url}/metrics`)).status, 404)
  })
})

describe('events', () => {
  it('are counted by outcome, and their lag is measured where they say when', async () => {
    const { logger } = recordedLogger()
    const metrics = createMetrics('messages')
    const answers = ['done', reject('no'), undefined]
    const options = { app: 'messages', version: '1', logger, metrics, readiness: async () => ({}) } as const
    await using app = await listen(
      createHttpApp(options, (http) => {
        subscribe(http, messageRejected, async () => 'done')
        subscribe(http, messageSubmitted, async () => {
          const answer = answers.shift()
          if (answer === undefined) throw new Error('again')
          return answer as 'done'
        })
      }),
    )
    const submittedAt = new Date(Date.now() - 7_000).toISOString()
    const command = { kind: 'message', senderId: 'ann', clientId: 'k', text: 'hi', submittedAt }
    const data = { lane: 1, conversations: [{ conversationId: 'c', commands: [command] }] }
    const body = JSON.stringify({ id: '1', topic: messageSubmitted.topic, data })
    for (let i = 0; i < 3; i++) await fetch(`${app.url}/events/message.submitted`, { method: 'POST', body })
    for (const outcome of ['done', 'refused', 'failed'])
      await has(
        metrics,
        `parley_events_total{topic="message.submitted",outcome="${outcome}",app="messages"} 1`,
      )
    const lag = 'parley_event_lag_seconds_bucket{le="5",topic="message.submitted",app="messages"} 0'
    await has(metrics, lag)
    await has(metrics, 'parley_event_lag_seconds_count{topic="message.submitted",app="messages"} 3')
  })
})

describe('a watched store', () => {
  const family = defineFamily({ prefix: 'watched', mode: 'versioned', schema: z.string() })
  const clock = { now: Date.now, setTimeout: () => ({ cancel() {} }) }

  it('counts who came second, and times every call', async () => {
    const metrics = createMetrics('auth')
    const store = watchedStore(memoryDocumentStore(clock), metrics)
    await store.create(family, 'a', 'one')
    await store.create(family, 'a', 'two')
    await store.replace(family, 'a', 'three', 'no such etag')
    for (const operation of ['create', 'replace'])
      await has(
        metrics,
        `parley_store_conflicts_total{family="watched",operation="${operation}",app="auth"} 1`,
      )
    await has(metrics, 'parley_store_seconds_count{operation="create",app="auth"} 2')
    await has(metrics, 'parley_store_failures_total{operation="create",app="auth"} 0')
  })

  it('counts what failed and what nobody knows', async () => {
    const metrics = createMetrics('auth')
    const broken = {
      ...memoryDocumentStore(clock),
      get: () => Promise.reject(new Error('the store is away')),
      createMany: async () => [{ outcome: 'unknown' as const }],
    }
    const store = watchedStore(broken, metrics)
    await assert.rejects(store.get(family, 'a'), /away/)
    await store.createMany(family, [{ key: 'a', value: 'one' }])
    for (const operation of ['get', 'createMany'])
      await has(metrics, `parley_store_failures_total{operation="${operation}",app="auth"} 1`)
  })
})
