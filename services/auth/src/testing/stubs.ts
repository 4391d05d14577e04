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
    output: () => Promise.reject(new Error('not used')),
    secret: async () => undefined,
    state: {
      getBulk: () => Promise.reject(new Error('not used')),
      save: () => Promise.reject(new Error('not used')),
      delete: () => Promise.reject(new Error('not used')),
    },
    waitUntilReady: async () => {},
    brokerHasPartitions: async () => false,
    check: async () => 'ok',
    describe: async () => ({ version: '1.18.0', components: [] }),
    close: async () => {},
  }
  return { sidecar, published, broker }
}

export type Access = 'get' | 'create' | 'replace' | 'delete'
/** Runs before a write, and after a read. To throw there is to be killed there; to wait there lets others go first. */
export type Step = (access: Access, family: string) => void | Promise<void>

export const goOn: Step = () => {}

/** What a write does whose outcome the store then does not tell. Undefined: it tells. */
export type Doubt = (access: Access, family: string) => 'landed' | 'lost' | undefined
export const noDoubt: Doubt = () => undefined

export const killBefore =
  (...families: readonly string[]): Step =>
  (access, family) => {
    if (access !== 'get' && families.includes(family)) throw new Error(`killed before writing ${family}`)
  }

/** The first `count` of these accesses wait for each other: a race that takes place in every run. */
export function together(count: number, access: Access, family: string): Step {
  let missing = count
  let open = (): void => {}
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  return async (at, of) => {
    if (at !== access || of !== family || missing === 0) return
    missing--
    if (missing === 0) open()
    await all
  }
}

export function steppedStore(inner: DocumentStore) {
  const steps: { before: Step; doubt: Doubt } = { before: goOn, doubt: noDoubt }
  const store: DocumentStore = {
    ...inner,
    async get(family, key) {
      const stored = await inner.get(family, key)
      await steps.before('get', family.prefix)
      return stored
    },
    async create(family, ...rest) {
      await steps.before('create', family.prefix)
      const doubt = steps.doubt('create', family.prefix)
      if (doubt === 'lost') return { outcome: 'unknown' }
      const outcome = await inner.create(family, ...rest)
      return doubt === 'landed' ? { outcome: 'unknown' } : outcome
    },
    async replace(family, ...rest) {
      await steps.before('replace', family.prefix)
      const doubt = steps.doubt('replace', family.prefix)
      if (doubt === 'lost') return 'unknown'
      const outcome = await inner.replace(family, ...rest)
      return doubt === 'landed' ? 'unknown' : outcome
    },
    async delete(family, ...rest) {
      await steps.before('delete', family.prefix)
      return inner.delete(family, ...rest)
    },
  }
  return { store, steps }
}
