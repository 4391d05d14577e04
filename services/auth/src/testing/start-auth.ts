import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AppId, Readiness } from '@parley/contracts'
import { createLogger, memoryDocumentStore } from '@parley/kit'
import { createAuthApp } from '../app.ts'
import { createPasswords, type Passwords } from '../passwords.ts'
import { steppedStore, stubSidecar, testClock } from './stubs.ts'

/** The smallest argon2id there is: tests check what is hashed when, not how long it takes. */
const quickPasswords = () => createPasswords({ algorithm: 2, memoryCost: 8, timeCost: 1, parallelism: 1 })

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests read the JSON that clients get, whatever it is
  readonly body: any
}

/** Auth over HTTP, on a store in memory and a sidecar that keeps what is published. */
export async function startAuth(
  options: {
    rateLimits?: boolean
    readinessOf?: (app: AppId) => Promise<Readiness>
    appApiToken?: string
    passwords?: Passwords
  } = {},
) {
  const clock = testClock()
  const log: string[] = []
  const memory = memoryDocumentStore(clock)
  const { store, steps } = steppedStore(memory)
  const { sidecar, published, broker } = stubSidecar(options)
  const auth = createAuthApp({
    store,
    sidecar,
    clock,
    logger: createLogger('auth', 'trace', { write: (line) => void log.push(line) }),
    version: '0.0.0',
    rateLimits: options.rateLimits ?? false,
    appApiToken: options.appApiToken,
    passwords: options.passwords ?? quickPasswords(),
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
    log,
    published,
    steps,
    store: memory,
    as: (token: string) => (method: string, path: string, body?: unknown) =>
      call(method, path, body, { authorization: `Bearer ${token}` }),
    register: (username: string, more: Record<string, unknown> = {}) =>
      call('POST', '/api/auth/register', { username, password: 'correct horse', ...more }),
    login: (username: string, password = 'correct horse') =>
      call('POST', '/api/auth/login', { username, password }),
    refresh: (refreshToken: string, clientId?: string) =>
      call('POST', '/api/auth/refresh', { refreshToken, clientId }),
    validate: (token: string) =>
      call('POST', '/internal/sessions/validate', { token }, { 'dapr-caller-app-id': 'realtime' }),
    async [Symbol.asyncDispose]() {
      auth.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
