import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { messageRejected } from '@parley/contracts'
import { recordedLogger } from '../testing/log.ts'
import { listen } from '../testing/server.ts'
import { currentTrace } from '../trace.ts'
import { createHttpApp } from './app.ts'
import { internalBodyBytes } from './body.ts'
import { type EventContext, type Outcome, reject, subscribe } from './subscribe.ts'

const item = {
  conversationId: 'c1',
  senderId: 'u1',
  clientId: 'k1',
  error: { code: 'forbidden', message: 'no' },
}
const event = (data: unknown = { items: [item] }) => ({
  specversion: '1.0',
  id: 'e1',
  topic: 'message.rejected',
  data,
})

async function start(fn: (context: EventContext, clientId: string) => Promise<Outcome> = async () => 'done') {
  const log = recordedLogger()
  const app = createHttpApp(
    { app: 'realtime', version: '', logger: log.logger, readiness: async () => ({}) },
    (http) => subscribe(http, messageRejected, ({ items }, context) => fn(context, items[0]?.clientId ?? '')),
  )
  const server = await listen(app)
  return {
    ...server,
    ...log,
    async deliver(body: unknown, headers: Record<string, string> = {}, topic = 'message.rejected') {
      const answer = await fetch(`${server.url}/events/${topic}`, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
      const { status } = (await answer.json()) as { status: unknown }
      return [answer.status, status]
    },
  }
}

const done = [200, 'SUCCESS']
const dropped = [200, 'DROP']
const again = [500, 'RETRY']

describe('a subscription', () => {
  it('is done when its handler says so', async () => {
    const seen: unknown[] = []
    await using app = await start(async ({ id, event }, clientId) => {
      seen.push([id, event.topic, clientId])
      return 'done'
    })
    assert.deepEqual(await app.deliver(event()), done)
    assert.deepEqual(seen, [['e1', 'message.rejected', 'k1']])
  })

  it('drops what its handler rejects, and the log has the reason', async () => {
    await using app = await start(async () => reject('nobody knows this conversation'))
    assert.deepEqual(await app.deliver(event()), dropped)
    const line = app.lines.find(({ msg }) => msg === 'an event was refused')
    assert.deepEqual(
      [line?.topic, line?.id, line?.reason],
      ['message.rejected', 'e1', 'nobody knows this conversation'],
    )
  })

  it('takes again what its handler throws at', async () => {
    let tries = 0
    await using app = await start(async () => {
      if (++tries === 1) throw new Error('the store is away')
      return 'done'
    })
    assert.deepEqual(await app.deliver(event()), again)
    assert.deepEqual(await app.deliver(event()), done)
    assert.match(app.text(), /the store is away/)
  })

  const malformed: readonly (readonly [string, unknown])[] = [
    ['no JSON', '{"id":'],
    ['nothing', ''],
    ['JSON that is no object', '"event"'],
    ['an array', '[]'],
    ['an id that is no text', { ...event(), id: 7 }],
    ['no data', { id: 'e1' }],
    ['data of another contract', event({ heads: {} })],
    ['data that is nearly right', event({ items: [{ ...item, clientId: '' }] })],
    ['data that is text and no JSON', event('hello')],
    ['more than daprd sends', event({ items: [item], filler: 'x'.repeat(internalBodyBytes) })],
  ]
  for (const [name, body] of malformed)
    it(`drops ${name}: it would not be another the next time`, async () => {
      let handled = 0
      await using app = await start(async () => {
        handled++
        return 'done'
      })
      assert.deepEqual(await app.deliver(body), dropped)
      assert.equal(handled, 0)
      assert.equal(app.lines.filter(({ msg }) => msg === 'an event was refused').length, 1)
    })

  it('does not write into the log what people wrote', async () => {
    await using app = await start()
    await app.deliver(
      event({ items: [{ ...item, clientId: 7, error: { code: 'x', message: 'private words' } }] }),
    )
    assert.doesNotMatch(app.text(), /private words/)
  })

  it('reads data that was published as text', async () => {
    await using app = await start()
    assert.deepEqual(await app.deliver(event(JSON.stringify({ items: [item] }))), done)
  })

  it('goes on in the trace of whoever published', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    let trace: string | undefined
    await using app = await start(async () => {
      trace = currentTrace()?.traceId
      return 'done'
    })
    await app.deliver(event(), { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
    assert.equal(trace, traceId)
  })

  it('keeps the events of a topic that it does not know for a version that does', async () => {
    await using app = await start()
    assert.deepEqual(await app.deliver(event(), {}, 'message.later'), again)
  })

  it('takes nothing from another app, only from the broker', async () => {
    let handled = 0
    await using app = await start(async () => {
      handled++
      return 'done'
    })
    assert.deepEqual(await app.deliver(event(), { 'dapr-caller-app-id': 'gateway' }), [403, 403])
    assert.equal(handled, 0)
  })
})
