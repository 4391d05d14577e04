/**
 * The one file that speaks to daprd.
 *
 * Publishing, state and invocation go to the sidecar's HTTP API over bounded keep-alive pools, not through `@dapr/dapr`
 * (3.18): its `publish` takes neither a time-out nor a signal nor headers, so that a stuck broker would hold callers for
 * ever and traces would end here; it resolves `{error}` where others throw, and it writes the request's headers, API
 * token included, into its debug log. Its state `get` drops the ETag and its `invoke` drops status and headers. HTTP is
 * also faster from Node than the SDK's gRPC. What is asked once per start, secrets and metadata, goes through the SDK,
 * which is loaded when it is first needed: it costs 0.4 s and 49 MB.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { DaprClient } from '@dapr/dapr'
import {
  type AnswerBodyOf,
  type AppId,
  type BodyInputOf,
  componentNames,
  type EventContract,
  type ParamsInputOf,
  type QueryInputOf,
  type RouteContract,
} from '@parley/contracts'
import { Pool } from 'undici'
import type { z } from 'zod'
import { within } from './deadline.ts'
import { ChatError } from './errors.ts'
import type { Logger } from './logger.ts'
import { outgoingTraceparent } from './trace.ts'

/** How long a call may take in all, unless the caller says otherwise. */
export const sidecarTimeouts = {
  publishMs: 5_000,
  stateReadMs: 3_000,
  stateWriteMs: 5_000,
  invokeMs: 5_000,
  secretMs: 10_000,
  healthMs: 1_000,
}
export type SidecarTimeouts = Readonly<typeof sidecarTimeouts>

/** Connections per kind of call. Each kind has its own, so that a stuck broker cannot keep anyone from the store. */
const connectionsPerKind = 64

/** A document as the state API returns it. */
export interface StateDocument {
  readonly data: unknown
  readonly etag: string
}

export interface StateItem {
  readonly key: string
  readonly value: string
  readonly etag?: string
  /** Only if absent, or only if `etag` matches. */
  readonly firstWrite: boolean
  readonly ttlSeconds?: number
}

/** `refused`: the store compared an etag and said no. `failed` says nothing about what was or will be written. */
export type SaveOutcome = { readonly outcome: 'saved' | 'refused' | 'failed'; readonly reason?: string }

/** Raw access for `daprDocumentStore` alone. Reads throw ChatError `unavailable`; keys are full keys. */
export interface SidecarState {
  get(store: string, key: string): Promise<StateDocument | undefined>
  getBulk(store: string, keys: readonly string[]): Promise<Map<string, StateDocument>>
  save(store: string, items: readonly StateItem[]): Promise<SaveOutcome>
  delete(store: string, key: string): Promise<void>
}

export interface InvokeInput<R extends RouteContract> {
  readonly params?: ParamsInputOf<R>
  readonly query?: QueryInputOf<R>
  readonly body?: BodyInputOf<R>
}

export interface Sidecar {
  /** Resolves when the broker has it. Throws ChatError `unavailable`: it may or may not have it. */
  publish<S extends z.ZodType>(
    event: EventContract<S>,
    data: z.input<S>,
    options?: { readonly lane?: number; readonly signal?: AbortSignal },
  ): Promise<void>
  /** Publishes what was once an event to its topic again. */
  publishRaw(topic: string, data: unknown): Promise<void>
  /**
   * Calls a route of another app and parses its answer. A problem comes back as the ChatError of its code, no answer
   * or a time-out as `unavailable`.
   */
  invoke<R extends RouteContract>(
    route: R,
    input?: InvokeInput<R>,
    options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<AnswerBodyOf<R>>
  /** Undefined where the secret store has no such secret. Throws ChatError `unavailable` where it cannot be asked. */
  secret(name: string): Promise<string | undefined>
  readonly state: SidecarState
  /** Resolves when the sidecar has loaded its components; rejects when the signal aborts. */
  waitUntilReady(options: { readonly signal: AbortSignal }): Promise<void>
  /** `ok`, or what is wrong. For readiness. */
  check(): Promise<string>
  close(): Promise<void>
}

export interface SidecarOptions {
  readonly httpPort: number
  readonly apiToken?: string
  readonly app: AppId
  readonly logger: Logger
  readonly timeouts?: Partial<SidecarTimeouts>
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

interface Request {
  readonly method: RouteContract['method']
  readonly path: string
  readonly body?: string
  readonly appId?: string
}

export function createSidecar(options: SidecarOptions): Sidecar {
  const { httpPort, apiToken, app, logger } = options
  const timeouts: SidecarTimeouts = { ...sidecarTimeouts, ...options.timeouts }
  const origin = `http://127.0.0.1:${httpPort}`
  const newPool = (connections = connectionsPerKind) =>
    // Our own timer bounds a whole call, waiting for a connection included; undici's would only bound its parts.
    new Pool(origin, { connections, keepAliveTimeout: 30_000, headersTimeout: 0, bodyTimeout: 0 })
  const publishing = newPool()
  const storing = newPool()
  const invoking = newPool()
  const probing = newPool(2)
  let sdk: Promise<DaprClient> | undefined

  /** Rejects where no answer came. */
  async function call(
    pool: Pool,
    request: Request,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
    const forward = () => controller.abort(signal?.reason)
    if (signal?.aborted) forward()
    else signal?.addEventListener('abort', forward, { once: true })
    const headers: Record<string, string> = {}
    if (request.body !== undefined) headers['content-type'] = 'application/json'
    if (apiToken !== undefined) headers['dapr-api-token'] = apiToken
    if (request.appId !== undefined) headers['dapr-app-id'] = request.appId
    const traceparent = outgoingTraceparent()
    if (traceparent !== undefined) headers.traceparent = traceparent
    try {
      const answer = await pool.request({
        method: request.method,
        path: request.path,
        headers,
        body: request.body ?? null,
        signal: controller.signal,
      })
      return {
        status: answer.statusCode,
        contentType: String(answer.headers['content-type'] ?? ''),
        text: await answer.body.text(),
      }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', forward)
    }
  }

  /** The same, and every failure is a ChatError: `unavailable`, or `internal` where trying again cannot help. */
  async function callOrThrow(
    pool: Pool,
    request: Request,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Answer> {
    let answer: Answer
    try {
      answer = await call(pool, request, timeoutMs, signal)
    } catch (cause) {
      throw new ChatError('unavailable', { cause })
    }
    if (answer.status >= 300)
      throw new ChatError(isFinal(answer.status) ? 'internal' : 'unavailable', {
        cause: told(request, answer),
      })
    return answer
  }

  async function publishJson(
    topic: string,
    json: string,
    metadata: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = `/v1.0/publish/${componentNames.pubsub}/${topic}?metadata.cloudevent.type=${topic}${metadata}`
    await callOrThrow(publishing, { method: 'POST', path, body: json }, timeouts.publishMs, signal)
  }

  const state: SidecarState = {
    async get(store, key) {
      return (await state.getBulk(store, [key])).get(key)
    },

    // Also for one key: an error comes as an error then, and keys need not survive a URL.
    async getBulk(store, keys) {
      const { text } = await callOrThrow(
        storing,
        {
          method: 'POST',
          path: `/v1.0/state/${store}/bulk`,
          body: JSON.stringify({ keys, parallelism: 16 }),
        },
        timeouts.stateReadMs,
      )
      const found = new Map<string, StateDocument>()
      for (const item of JSON.parse(text) as BulkItem[]) {
        if (item.error) throw new ChatError('unavailable', { cause: new Error(`${item.key}: ${item.error}`) })
        if (item.data !== undefined && item.data !== null)
          found.set(item.key, { data: item.data, etag: item.etag ?? '' })
      }
      return found
    },

    async save(store, items) {
      const body = JSON.stringify(items.map(toSaveItem))
      const request: Request = { method: 'POST', path: `/v1.0/state/${store}`, body }
      let answer: Answer
      try {
        answer = await call(storing, request, timeouts.stateWriteMs)
      } catch (error) {
        return { outcome: 'failed', reason: String(error) }
      }
      if (answer.status < 300) return { outcome: 'saved' }
      if (isEtagRefusal(answer)) return { outcome: 'refused' }
      if (isFinal(answer.status)) throw new ChatError('internal', { cause: told(request, answer) })
      return { outcome: 'failed', reason: answer.text }
    },

    async delete(store, key) {
      await callOrThrow(
        storing,
        { method: 'DELETE', path: `/v1.0/state/${store}/${encodeURIComponent(key)}` },
        timeouts.stateWriteMs,
      )
    },
  }

  async function invoke<R extends RouteContract>(
    route: R,
    input: InvokeInput<R> = {},
    { signal, timeoutMs = timeouts.invokeMs }: { signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<AnswerBodyOf<R>> {
    const request: Request = {
      method: route.method,
      path: pathOf(route, input),
      appId: route.app,
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    }
    let answer: Answer
    try {
      answer = await call(invoking, request, timeoutMs, signal)
    } catch (cause) {
      throw new ChatError('unavailable', { cause })
    }
    const schema = route.answers[answer.status]
    if (schema === null) return undefined as AnswerBodyOf<R>
    if (schema !== undefined) {
      const parsed = schema.safeParse(parseJson(answer.text))
      if (parsed.success) return parsed.data as AnswerBodyOf<R>
      throw new ChatError('internal', {
        cause: new Error(`${route.app} answered ${route.id} with something else`, { cause: parsed.error }),
      })
    }
    const problem = answer.contentType.startsWith('application/problem+json')
      ? ChatError.fromProblem(parseJson(answer.text))
      : undefined
    throw (
      problem ??
      new ChatError(answer.status >= 500 ? 'unavailable' : 'internal', { cause: told(request, answer) })
    )
  }

  async function connectSdk(): Promise<DaprClient> {
    const { DaprClient, LogLevel } = await import('@dapr/dapr')
    return new DaprClient({
      daprHost: '127.0.0.1',
      daprPort: String(httpPort),
      ...(apiToken === undefined ? {} : { daprApiToken: apiToken }),
      logger: { level: LogLevel.Error },
    })
  }

  return {
    state,
    invoke,

    publish(event, data, { lane, signal } = {}) {
      const metadata = lane === undefined ? '' : `&metadata.partitionKey=${lane}`
      return publishJson(event.topic, JSON.stringify(data), metadata, signal)
    },

    publishRaw: (topic, data) => publishJson(topic, JSON.stringify(data), ''),

    async secret(name) {
      sdk ??= connectSdk()
      const client = await sdk
      try {
        const secrets = await within(
          timeouts.secretMs,
          client.secret.get(componentNames.secrets, encodeURIComponent(name)),
        )
        return (secrets as Record<string, string>)[name]
      } catch (cause) {
        // The local file store answers 500 for a name that it does not have, as daprd does for every other failure.
        if (/secret .*not found|ERR_SECRET_NOT_FOUND/i.test(String(cause))) return undefined
        throw new ChatError('unavailable', { cause })
      }
    },

    async waitUntilReady({ signal }) {
      for (let waited = 0; ; waited++) {
        signal.throwIfAborted()
        // `outbound`: the components are loaded. The plain one would also wait for this app.
        const answer = await call(
          probing,
          { method: 'GET', path: '/v1.0/healthz/outbound' },
          timeouts.healthMs,
          signal,
        ).catch(() => undefined)
        if (answer && answer.status < 300) return
        if (waited === 50) logger.warn({ httpPort }, 'still waiting for the Dapr sidecar')
        await delay(100, undefined, { signal })
      }
    },

    async check() {
      try {
        const { status } = await call(probing, { method: 'GET', path: '/v1.0/healthz' }, timeouts.healthMs)
        return status < 300 ? 'ok' : `the sidecar of ${app} answers ${status}`
      } catch {
        return `the sidecar of ${app} does not answer on port ${httpPort}`
      }
    },

    async close() {
      await Promise.all([publishing, storing, invoking, probing].map((pool) => pool.destroy()))
      if (sdk) await (await sdk).stop()
    },
  }
}

interface BulkItem {
  readonly key: string
  readonly data?: unknown
  readonly etag?: string
  readonly error?: string
}

const toSaveItem = ({ key, value, etag, firstWrite, ttlSeconds }: StateItem) => ({
  key,
  value,
  ...(etag === undefined ? {} : { etag }),
  ...(firstWrite ? { options: { concurrency: 'first-write' } } : {}),
  ...(ttlSeconds === undefined ? {} : { metadata: { ttlInSeconds: String(ttlSeconds) } }),
})

/** Trying again cannot help: the request is wrong, or the sidecar is set up wrongly. */
const isFinal = (status: number): boolean => status >= 400 && status < 500 && status !== 409 && status !== 429

/**
 * 409 is an etag that did not match, 400 one that the store cannot read. But Redis answers 409 for whatever goes wrong
 * in a write with an etag, a lost connection too: then the reason follows, and only its script's own refusal counts.
 */
function isEtagRefusal({ status, text }: Answer): boolean {
  if (status === 400) return text.includes('invalid etag value')
  if (status !== 409) return false
  const [, reason] = text.split('error from state store: ')
  return reason === undefined || reason.includes('failed to set key')
}

const told = (request: Request, answer: Answer): Error =>
  new Error(`${request.method} ${request.path}: ${answer.status} ${answer.text.slice(0, 500)}`)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The route's path with its parameters and its query, each encoded. */
function pathOf<R extends RouteContract>(route: R, { params, query }: InvokeInput<R>): string {
  const values = (params ?? {}) as Readonly<Record<string, unknown>>
  const path = route.path.replace(/:([A-Za-z]+)/g, (_, name: string) => {
    if (values[name] === undefined) throw new TypeError(`${route.id} needs the parameter ${name}`)
    return encodeURIComponent(String(values[name]))
  })
  if (query === undefined) return path
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query as Readonly<Record<string, unknown>>))
    if (value !== undefined) search.append(name, String(value))
  return search.size === 0 ? path : `${path}?${search}`
}
