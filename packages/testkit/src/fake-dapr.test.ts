import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import {
  type AppId,
  type DeadLetter,
  type EventContract,
  lookUpUsers,
  type PublicUser,
  presenceChanged,
  sessionRevoked,
} from '@parley/contracts'
import {
  ChatError,
  createHttpApp,
  createLogger,
  createSidecar,
  daprDocumentStore,
  type HttpApp,
  handle,
  newId,
  type Outcome,
  reject,
  subscribe,
} from '@parley/kit'
import { z } from 'zod'
import { documentStoreContract } from './document-store-contract.ts'
import { type FakeDapr, type FakeDaprOptions, fakeDapr } from './fake-dapr.ts'

const closing: (() => Promise<void> | void)[] = []
after(async () => {
  for (const close of closing.reverse()) await close()
})

function newDapr(options?: FakeDaprOptions): FakeDapr {
  const dapr = fakeDapr(options)
  closing.push(() => dapr.close())
  return dapr
}

/** A replica of an app with its sidecar. */
async function replica(dapr: FakeDapr, app: AppId, register: (http: HttpApp) => void = () => {}) {
  const logger = createLogger(app, 'silent')
  const sidecar = await dapr.start(app)
  const server: Server = createServer(
    createHttpApp(
      { app, version: '0', logger, appApiToken: 'a-token-for-apps-only', readiness: async () => ({}) },
      register,
    ),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  sidecar.connect((server.address() as AddressInfo).port)
  const client = createSidecar({ httpPort: sidecar.httpPort, app, logger })
  closing.push(() => client.close())
  closing.push(() => void server.close().closeAllConnections())
  return client
}

const tokens = { appApiToken: 'a-token-for-apps-only' }
const revoked = { userId: 'u', sessionIds: ['s'], reason: 'logout' }

documentStoreContract('the Dapr adapter over the fake sidecar', async (clock) => {
  const dapr = fakeDapr()
  const { httpPort } = await dapr.start('messages')
  const sidecar = createSidecar({ httpPort, app: 'messages', logger: createLogger('messages', 'silent') })
  return {
    store: daprDocumentStore({ sidecar, component: 'messages-store', clock }),
    async close() {
      await sidecar.close()
      await dapr.close()
    },
  }
})

describe('fake Dapr', () => {
  it('brings an event to its subscribers, again after a failure', async () => {
    const dapr = newDapr(tokens)
    const seen: unknown[] = []
    await replica(dapr, 'realtime', (http) =>
      subscribe(http, sessionRevoked, async (data) => {
        seen.push(data)
        if (seen.length < 3) throw new Error('not yet')
        return 'done'
      }),
    )
    const auth = await replica(dapr, 'auth')
    await auth.publish(sessionRevoked, revoked)
    await dapr.idle()
    assert.deepEqual(seen, [revoked, revoked, revoked])
    assert.equal(dapr.published[0]?.type, 'session.revoked')
  })

  it('brings a refused event to the dead letters, with the topic that it was published to', async () => {
    const dapr = newDapr(tokens)
    const letters: unknown[] = []
    const deadLetters: EventContract<z.ZodType<DeadLetter>> = {
      topic: 'dead-letter.realtime',
      summary: '',
      publishers: [],
      subscribers: ['messages'],
      data: z.any(),
    }
    await replica(dapr, 'realtime', (http) =>
      subscribe(http, sessionRevoked, async (): Promise<Outcome> => reject('no')),
    )
    const messages = await replica(dapr, 'messages', (http) =>
      subscribe(http, deadLetters, async (data, { event }) => {
        assert.equal(event.topic, 'session.revoked')
        letters.push(data)
        return 'done'
      }),
    )
    await messages.publish(sessionRevoked, revoked)
    await messages.publishRaw('session.revoked', { not: 'an event' })
    await dapr.idle()
    assert.deepEqual(new Set(letters), new Set([{ not: 'an event' }, revoked]))
  })

  it('doubles and reorders events by its seed, and shares them among replicas', async () => {
    const orders: string[] = []
    for (const seed of [1, 1]) {
      const dapr = newDapr({ ...tokens, seed, faults: { duplicates: 0.5, maxDelayMs: 20 } })
      const seen: string[] = []
      const perReplica = [0, 0]
      for (const index of [0, 1])
        await replica(dapr, 'realtime', (http) =>
          subscribe(http, presenceChanged, async ({ items }) => {
            seen.push(items[0]?.userId ?? '')
            perReplica[index] = (perReplica[index] ?? 0) + 1
            return 'done'
          }),
        )
      const at = new Date(0).toISOString()
      for (let i = 0; i < 30; i++)
        dapr.publish('presence.changed', { items: [{ userId: `u${i}`, status: 'online', lastSeenAt: at }] })
      await dapr.idle()
      assert.equal(new Set(seen).size, 30)
      assert.ok(seen.length > 30)
      assert.ok(perReplica.every((count) => count > 0))
      orders.push([...seen].sort().join())
    }
    assert.equal(orders[0], orders[1])
  })

  it('invokes another app, which sees who calls', async () => {
    const dapr = newDapr(tokens)
    await replica(dapr, 'auth', (http) =>
      handle(http, lookUpUsers, async ({ callerApp }) => {
        assert.equal(callerApp, 'messages')
        const items: PublicUser[] = []
        return { status: 200, body: { items } }
      }),
    )
    const messages = await replica(dapr, 'messages')
    const gateway = await replica(dapr, 'gateway')
    assert.deepEqual(await messages.invoke(lookUpUsers, { body: { userIds: [] } }), { items: [] })
    await assert.rejects(
      gateway.invoke(lookUpUsers, { body: { userIds: [] } }),
      (error) => error instanceof ChatError && error.code === 'forbidden',
    )
  })

  it('loses answers: what was said to have failed was done', async () => {
    const dapr = newDapr({ ...tokens, faults: { lostAnswers: 1 } })
    const auth = await replica(dapr, 'auth')
    await assert.rejects(auth.publish(sessionRevoked, revoked), ChatError)
    assert.equal(dapr.published.length, 1)
  })

  it('loses the answers of calls between apps', async () => {
    const dapr = newDapr({ ...tokens, faults: { lostCalls: 1 } })
    let calls = 0
    await replica(dapr, 'auth', (http) =>
      handle(http, lookUpUsers, async () => {
        calls++
        const items: PublicUser[] = []
        return { status: 200, body: { items } }
      }),
    )
    const messages = await replica(dapr, 'messages')
    await assert.rejects(
      messages.invoke(lookUpUsers, { body: { userIds: [] } }),
      (error) => error instanceof ChatError && error.code === 'unavailable',
    )
    assert.equal(calls, 1)
  })

  it('loses what it brings to one app of a topic, and nothing else', async () => {
    const dapr = newDapr({ ...tokens, faults: { losses: { 'realtime/session.revoked': 1 } } })
    const seen: string[] = []
    await replica(dapr, 'realtime', (http) => {
      const events: EventContract[] = [sessionRevoked, presenceChanged]
      for (const event of events)
        subscribe(http, event, async () => {
          seen.push(event.topic)
          return 'done'
        })
    })
    dapr.publish('session.revoked', revoked)
    dapr.publish('presence.changed', { items: [{ userId: 'u', status: 'offline', lastSeenAt: null }] })
    await dapr.idle()
    assert.deepEqual(seen, ['presence.changed'])
  })

  it('keeps secrets', async () => {
    const name = newId()
    const dapr = newDapr({ ...tokens, secrets: { [name]: 'hush' } })
    const auth = await replica(dapr, 'auth')
    assert.equal(await auth.secret(name), 'hush')
    assert.equal(await auth.secret('none'), undefined)
  })
})
