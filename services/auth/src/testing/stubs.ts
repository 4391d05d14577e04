import { type AppId, appIds, type Readiness } from '@parley/contracts'
import { ChatError, type Clock, type DocumentStore, type Sidecar } from '@parley/kit'

/** Moves when the test says so. */
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
