/**
 * Dapr for tests, in this process: one HTTP server per sidecar that speaks daprd's API as far as kit uses it, over one
 * broker and one set of stores in memory. So the real apps run with the real kit, and a test decides what goes wrong.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AppId, componentNames } from '@parley/contracts'
import { newId } from '@parley/kit'
import { type CloudEvent, type Delivered, type FakeBroker, fakeBroker } from './fake-broker.ts'
import { type FakeState, fakeState, type SaveItem } from './fake-state.ts'
import { seededRandom } from './random.ts'

export interface Faults {
  /** The share of events that come twice. */
  readonly duplicates: number
  /** Each delivery waits up to this long: events overtake each other. */
  readonly maxDelayMs: number
  /** The share of publishes and saves that are done but answered with 500. */
  readonly lostAnswers: number
  /** The share of publishes and saves that are not done and answered with 500. */
  readonly failures: number
  /** The share of calls between apps that are done but answered with 500. */
  readonly lostCalls: number
  /** `<app>/<topic>` → the share of deliveries that never come. Brokers lose none; what hears them for others may. */
  readonly losses: Readonly<Record<string, number>>
}
const noFaults: Faults = {
  duplicates: 0,
  maxDelayMs: 0,
  lostAnswers: 0,
  failures: 0,
  lostCalls: 0,
  losses: {},
}

export interface FakeDaprOptions {
  readonly seed?: number
  readonly faults?: Partial<Faults>
  readonly secrets?: Readonly<Record<string, string>>
  /** What apps send to their sidecar; any where it is left out. */
  readonly apiToken?: string
  /** What sidecars send to their app. */
  readonly appApiToken?: string
}

/** The sidecar of one replica of an app. */
export interface FakeSidecar {
  readonly app: AppId
  readonly httpPort: number
  /** From now on events and calls come to the app on this port. Before that, events wait and calls fail. */
  connect(appPort: number): void
  /** The sidecar is gone, and its app hears nothing more. */
  stop(): Promise<void>
}

export interface FakeDapr {
  /** A sidecar for one more replica of the app. Replicas share its events. */
  start(app: AppId): Promise<FakeSidecar>
  /** Changes what goes wrong from here on. */
  setFaults(faults: Partial<Faults>): void
  /** Everything that was published, in order. */
  readonly published: readonly CloudEvent[]
  /** A state store by the name of its component. */
  store(component: string): FakeState
  publish(topic: string, data: unknown): void
  /** Resolves when no event is on its way any more. */
  idle(): Promise<void>
  close(): Promise<void>
}

interface Replica {
  readonly app: AppId
  port: number | undefined
}

const maxBodyBytes = 4 * 1024 * 1024

export function fakeDapr(options: FakeDaprOptions = {}): FakeDapr {
  const random = seededRandom(options.seed ?? 1)
  let faults: Faults = { ...noFaults, ...options.faults }
  const replicas = new Set<Replica>()
  const sidecars = new Set<FakeSidecar>()
  const stores = new Map<string, FakeState>()
  const published: CloudEvent[] = []
  const toApp: Record<string, string> =
    options.appApiToken === undefined ? {} : { 'dapr-api-token': options.appApiToken }

  function pick(app: AppId | string): Replica | undefined {
    const connected = [...replicas].filter((replica) => replica.app === app && replica.port !== undefined)
    return connected[Math.floor(random() * connected.length)]
  }

  async function deliver(app: AppId, topic: string, event: CloudEvent): Promise<Delivered> {
    const replica = pick(app)
    if (replica === undefined) return 'unreachable'
    try {
      const answer = await fetch(`http://127.0.0.1:${replica.port}/events/${topic}`, {
        method: 'POST',
        headers: {
          ...toApp,
          'content-type': 'application/cloudevents+json',
          ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
        },
        body: JSON.stringify(event),
      })
      return outcomeOf(answer.status, await answer.text())
    } catch {
      return 'unreachable'
    }
  }

  const broker: FakeBroker = fakeBroker(deliver, random, () => faults)

  function publish(topic: string, data: unknown, source: string, type?: string, traceparent?: string): void {
    const event: CloudEvent = {
      specversion: '1.0',
      id: newId(),
      source,
      type: type ?? 'com.dapr.event.sent',
      datacontenttype: 'application/json',
      pubsubname: componentNames.pubsub,
      topic,
      data,
      // Whoever publishes without a trace begins one at daprd.
      traceparent:
        traceparent ?? `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`,
    }
    published.push(event)
    broker.publish(topic, event)
  }

  function store(component: string): FakeState {
    let state = stores.get(component)
    if (state === undefined) {
      state = fakeState()
      stores.set(component, state)
    }
    return state
  }

  /** Does it, does it but says that it failed, or does not. */
  function withFaults(run: () => Answer): Answer {
    const lot = random()
    if (lot < faults.failures) return failed('ERR_FAULT', 'not done')
    const answer = run()
    return lot < faults.failures + faults.lostAnswers ? failed('ERR_FAULT', 'the answer was lost') : answer
  }

  function saveState(component: string, items: readonly SaveItem[]): Answer {
    return withFaults(() => {
      const failure = store(component).save(items)
      return failure === undefined
        ? { status: 204 }
        : { ...failed('ERR_STATE_SAVE', failure.message), status: failure.status }
    })
  }

  function answerApi(app: AppId, request: IncomingMessage, url: URL, body: string): Answer | undefined {
    const [, version, api = '', name = '', ...rest] = url.pathname.split('/')
    if (version !== 'v1.0') return undefined
    const last = rest.map(decodeURIComponent).join('/')
    switch (api) {
      case 'healthz':
        return { status: 204 }
      case 'metadata':
        return { status: 200, json: { id: app, components: [{ name: componentNames.pubsub }] } }
      case 'secrets': {
        const secret = options.secrets?.[last]
        return secret === undefined
          ? failed('ERR_SECRET_GET', `secret ${last} not found`)
          : { status: 200, json: { [last]: secret } }
      }
      case 'publish':
        return withFaults(() => {
          const type = url.searchParams.get('metadata.cloudevent.type') ?? undefined
          publish(last, JSON.parse(body), app, type, header(request, 'traceparent'))
          return { status: 204 }
        })
      case 'state':
        if (request.method === 'DELETE') {
          return withFaults(() => {
            store(name).delete(last)
            return { status: 204 }
          })
        }
        if (last === 'bulk') {
          const { keys } = JSON.parse(body) as { keys: string[] }
          return { status: 200, json: keys.map((key) => ({ key, ...store(name).get(key) })) }
        }
        return saveState(name, JSON.parse(body) as SaveItem[])
      default:
        return { status: 404 }
    }
  }

  async function invoke(
    app: AppId,
    target: string,
    path: string,
    request: IncomingMessage,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const replica = pick(target)
    if (replica === undefined) return send(response, failed('ERR_DIRECT_INVOKE', `no app ${target}`))
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(request.headers))
      if (!name.startsWith('dapr-') && !hopByHop.has(name) && value !== undefined)
        headers[name] = String(value)
    // As in daprd: who calls its own app is not named.
    if (app !== target) headers['dapr-caller-app-id'] = app
    try {
      const answer = await fetch(`http://127.0.0.1:${replica.port}${path}`, {
        method: request.method ?? 'GET',
        headers: { ...headers, ...toApp },
        redirect: 'manual',
        ...(body === '' ? {} : { body }),
      })
      const bytes = Buffer.from(await answer.arrayBuffer())
      if (random() < faults.lostCalls)
        return send(response, failed('ERR_DIRECT_INVOKE', 'the answer was lost'))
      response.statusCode = answer.status
      for (const [name, value] of answer.headers) if (!hopByHop.has(name)) response.setHeader(name, value)
      response.end(bytes)
    } catch (error) {
      send(response, failed('ERR_DIRECT_INVOKE', String(error)))
    }
  }

  async function serve(app: AppId, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sidecar')
    const body = await readBody(request)
    if (body === undefined) return send(response, { status: 413 })
    const isHealth = url.pathname.startsWith('/v1.0/healthz')
    if (!isHealth && options.apiToken !== undefined && header(request, 'dapr-api-token') !== options.apiToken)
      return send(response, { status: 401 })
    const byPath = /^\/v1\.0\/invoke\/([^/]+)\/method(\/.*)$/.exec(request.url ?? '')
    const target = byPath?.[1] ?? header(request, 'dapr-app-id')
    if (target !== undefined)
      return invoke(app, target, byPath?.[2] ?? request.url ?? '/', request, body, response)
    send(response, answerApi(app, request, url, body) ?? { status: 404 })
  }

  async function start(app: AppId): Promise<FakeSidecar> {
    const replica: Replica = { app, port: undefined }
    replicas.add(replica)
    const server = createServer((request, response) => {
      serve(app, request, response).catch((error) => send(response, failed('ERR_FAKE', String(error))))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const sidecar: FakeSidecar = {
      app,
      httpPort: (server.address() as AddressInfo).port,
      connect(appPort) {
        replica.port = appPort
      },
      stop() {
        replicas.delete(replica)
        sidecars.delete(sidecar)
        return new Promise((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        })
      },
    }
    sidecars.add(sidecar)
    return sidecar
  }

  return {
    start,
    setFaults(changed) {
      faults = { ...faults, ...changed }
    },
    published,
    store,
    publish: (topic, data) => publish(topic, data, 'test'),
    idle: () => broker.idle(),
    async close() {
      broker.close()
      await Promise.all([...sidecars].map((sidecar) => sidecar.stop()))
    },
  }
}

interface Answer {
  readonly status: number
  readonly json?: unknown
}

const failed = (errorCode: string, message: string): Answer => ({ status: 500, json: { errorCode, message } })

/** daprd's reading of a subscriber's answer: 404 drops, and what is not 2xx comes again. */
function outcomeOf(status: number, body: string): Delivered {
  if (status === 404) return 'drop'
  if (status >= 300) return 'retry'
  const outcome = body === '' ? 'SUCCESS' : (JSON.parse(body) as { status?: string }).status
  return outcome === 'DROP' ? 'drop' : outcome === 'RETRY' ? 'retry' : 'done'
}

const hopByHop = new Set(['connection', 'host', 'content-length', 'transfer-encoding', 'keep-alive'])

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Undefined where it is larger than daprd takes. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    chunks.push(chunk)
  }
  return bytes > maxBodyBytes ? undefined : Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, { status, json }: Answer): void {
  response.statusCode = status
  if (json === undefined) return void response.end()
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(json))
}
