import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AppId, componentNames, lookUpUsers, type SessionId } from '@parley/contracts'
import {
  createHttpApp,
  createLogger,
  createSidecar,
  daprDocumentStore,
  handle,
  type Sidecar,
  systemClock,
} from '@parley/kit'
import { type FakeDapr, type FakeDaprOptions, type FakeSidecar, fakeDapr, inTime } from '@parley/testkit'
import { createMessagesApp, type MessagesApp } from '../app.ts'
import { user } from './builders.ts'

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests read the JSON that clients get, whatever it is
  readonly body: any
}
export type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>

interface Replica {
  readonly app: MessagesApp
  readonly port: number
  readonly sidecar: FakeSidecar
  stop(): Promise<void>
}

/**
 * `messages` behind a fake sidecar, called through the sidecar of another app as in the real system. A token is the name
 * of the person; everybody exists but who is called `nobody`.
 */
export async function startMessages(
  options: FakeDaprOptions & { rateLimits?: boolean; replicas?: number } = {},
) {
  const dapr = fakeDapr(options)
  const closing: (() => Promise<unknown>)[] = []
  await startAuth(dapr, closing)
  const [gateway, realtime] = [await dapr.start('gateway'), await startListener('realtime', dapr, closing)]
  await startListener('notifications', dapr, closing)
  const presence = await startListener('presence', dapr, closing)
  const replicas: Replica[] = []
  for (let i = 0; i < (options.replicas ?? 1); i++)
    replicas.push(await startReplica(dapr, closing, options.rateLimits ?? false))

  const through =
    ({ httpPort }: FakeSidecar, headers: Record<string, string> = {}): Ask =>
    async (method, path, body) => {
      const answer = await fetch(`http://127.0.0.1:${httpPort}/v1.0/invoke/messages/method${path}`, {
        method,
        headers: { ...headers, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
    }

  const own = replicas[0]?.sidecar
  return {
    dapr,
    replicas,
    as: (name: string): Ask => through(gateway, { authorization: `Bearer ${name}` }),
    nobody: through(gateway),
    internal: through(realtime),
    presence: through(presence),
    /** As the operator, over the sidecar of `messages` itself. */
    operator: through(own ?? gateway),
    /** The data of what was published to a topic. */
    // biome-ignore lint/suspicious/noExplicitAny: tests read what others would, whatever it is
    published: (topic: string): any[] =>
      dapr.published.filter((event) => event.topic === topic).map(({ data }) => data),
    startReplica: () => startReplica(dapr, closing, false),
    /** Everything that was published has come to an end. */
    idle: () => inTime('the broker is idle', dapr.idle()),
    async [Symbol.asyncDispose]() {
      await dapr.close()
      for (const close of closing.reverse()) await close()
    },
  }
}

export type Messages = Awaited<ReturnType<typeof startMessages>>

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

const openSidecar = (app: AppId, { httpPort }: FakeSidecar): Sidecar =>
  createSidecar({ httpPort, app, logger: createLogger(app, 'silent') })

async function startReplica(
  dapr: FakeDapr,
  closing: (() => Promise<unknown>)[],
  rateLimits: boolean,
): Promise<Replica> {
  const fake = await dapr.start('messages')
  const sidecar = openSidecar('messages', fake)
  const app = createMessagesApp({
    store: daprDocumentStore({ sidecar, component: componentNames.stores.messages }),
    sidecar,
    clock: systemClock,
    logger: createLogger('messages', process.env.LOG_LEVEL ?? 'silent'),
    version: '0.0.0',
    rateLimits,
    verifyToken: async (token) => ({ userId: user(token), sessionId: 's' as SessionId }),
  })
  const server = createServer(app.http)
  const port = await listen(server)
  fake.connect(port)
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await fake.stop()
    await closeServer(server)
    await sidecar.close()
  }
  closing.push(stop)
  return { app, port, sidecar: fake, stop }
}

/** An app that takes every event. */
async function startListener(
  app: AppId,
  dapr: FakeDapr,
  closing: (() => Promise<unknown>)[],
): Promise<FakeSidecar> {
  const fake = await dapr.start(app)
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end())
  })
  fake.connect(await listen(server))
  closing.push(() => closeServer(server))
  return fake
}

async function startAuth(dapr: FakeDapr, closing: (() => Promise<unknown>)[]): Promise<void> {
  const fake = await dapr.start('auth')
  const http = createHttpApp(
    {
      app: 'auth',
      version: '0.0.0',
      logger: createLogger('auth', 'silent'),
      readiness: async () => ({}),
    },
    (http) =>
      handle(http, lookUpUsers, async ({ body }) => {
        const known = body.userIds.filter((id) => id !== 'nobody')
        return { status: 200, body: { items: known.map((id) => ({ id, username: id, displayName: id })) } }
      }),
  )
  const server = createServer(http)
  fake.connect(await listen(server))
  closing.push(() => closeServer(server))
}
