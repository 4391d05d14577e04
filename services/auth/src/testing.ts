import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AppId, appIds, type Readiness } from '@parley/contracts'
import {
  ChatError,
  type Clock,
  createLogger,
  type DocumentStore,
  memoryDocumentStore,
  type Sidecar,
} from '@parley/kit'
import { createAuthApp } from './app.ts'
import { createPasswords } from './passwords.ts'

/** Auth over a store in memory and a sidecar that keeps what is published. Time moves when the test says so. */

/** The smallest argon2id there is: tests check what is hashed when, not how long it takes. */
export const quickPasswords = () =>
  createPasswords({ algorithm: 2, memoryCost: 8, timeCost: 1, parallelism: 1 })

export interface TestClock extends Clock {
  advance(ms: number): void
}

export function testClock(start = Date.parse('2026-01-01T00:00:00Z')): TestClock {
  let now = start
  const due = new Set<{ at: number; fn: () => void }>()
  const run = (): void => {
    for (const timer of [...due].filter(({ at }) => at <= now)) if (due.delete(timer)) timer.fn()
  }
  return {
    now: () => now,
    setTimeout(fn, ms) {
      const timer = { at: now + ms, fn }
      due.add(timer)
      // Pauses between tries for an etag are not what these tests are about: they pass at once.
      if (ms < 500) setImmediate(() => due.delete(timer) && fn())
      return { cancel: () => void due.delete(timer) }
    },
    advance(ms) {
      now += ms
      run()
    },
  }
}

export interface Published {
  readonly topic: string
  readonly data: unknown
}

export function stubSidecar(options: { readinessOf?: (app: AppId) => Promise<Readiness> } = {}) {
  const published: Published[] = []
  const broker = { up: true }
  const sidecar: Sidecar = {
    async publish(event, data) {
      if (!broker.up) throw new ChatError('unavailable')
      published.push({ topic: event.topic, data: event.data.parse(data) })
    },
    publishRaw: () => Promise.reject(new Error('not used')),
    async invoke(route) {
      const app = appIds.find((id) => id === route.app)
      if (!app || !options.readinessOf || route.path !== '/readyz') throw new ChatError('unavailable')
      return (await options.readinessOf(app)) as never
    },
    secret: async () => undefined,
    state: {
      get: () => Promise.reject(new Error('not used')),
      getBulk: () => Promise.reject(new Error('not used')),
      save: () => Promise.reject(new Error('not used')),
      delete: () => Promise.reject(new Error('not used')),
    },
    waitUntilReady: async () => {},
    check: async () => 'ok',
    close: async () => {},
  }
  return { sidecar, published, broker }
}

/** A store whose writes can be made to fail: as if the process had been killed right before them. */
export function killableStore(inner: DocumentStore) {
  const killed = { before: (_family: string) => false }
  const check = (family: { prefix: string }): void => {
    if (killed.before(family.prefix)) throw new Error(`killed before writing ${family.prefix}`)
  }
  const store: DocumentStore = {
    ...inner,
    create(family, ...rest) {
      check(family)
      return inner.create(family, ...rest)
    },
    replace(family, ...rest) {
      check(family)
      return inner.replace(family, ...rest)
    },
    delete(family, ...rest) {
      check(family)
      return inner.delete(family, ...rest)
    },
  }
  return { store, killed }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests read the JSON that clients get, whatever it is
  readonly body: any
}

export async function startAuth(
  options: {
    rateLimits?: boolean
    readinessOf?: (app: AppId) => Promise<Readiness>
    appApiToken?: string
  } = {},
) {
  const clock = testClock()
  const memory = memoryDocumentStore(clock)
  const { store, killed } = killableStore(memory)
  const { sidecar, published, broker } = stubSidecar(options)
  const auth = createAuthApp({
    store,
    sidecar,
    clock,
    logger: createLogger('auth', 'silent'),
    version: '0.0.0',
    rateLimits: options.rateLimits ?? false,
    appApiToken: options.appApiToken,
    passwords: quickPasswords(),
  })
  await auth.ready()
  const server = createServer(auth.http)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }

  return {
    broker,
    call,
    clock,
    killed,
    published,
    store: memory,
    as: (token: string) => (method: string, path: string, body?: unknown) =>
      call(method, path, body, { authorization: `Bearer ${token}` }),
    register: (username: string, more: Record<string, unknown> = {}) =>
      call('POST', '/api/auth/register', { username, password: 'correct horse', ...more }),
    login: (username: string, password = 'correct horse') =>
      call('POST', '/api/auth/login', { username, password }),
    refresh: (refreshToken: string) => call('POST', '/api/auth/refresh', { refreshToken }),
    validate: (token: string) =>
      call('POST', '/internal/sessions/validate', { token }, { 'dapr-caller-app-id': 'realtime' }),
    async [Symbol.asyncDispose]() {
      auth.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
