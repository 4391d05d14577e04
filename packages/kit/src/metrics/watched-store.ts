import { type LabelsOf, metrics as names } from '@parley/contracts'
import type { CreateOutcome, DocumentStore, Family } from '../document-store.ts'
import type { Metrics } from './metrics.ts'

type Operation = LabelsOf<typeof names.storeSeconds.labels>['operation']

/** The same store, measured. */
export function watchedStore(store: DocumentStore, metrics: Metrics): DocumentStore {
  const failed = (operation: Operation): void => metrics.count(names.storeFailures, { operation })

  async function timed<T>(operation: Operation, call: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await call()
    } catch (error) {
      failed(operation)
      throw error
    } finally {
      metrics.observe(names.storeSeconds, (performance.now() - startedAt) / 1_000, { operation })
    }
  }

  function saw(
    { prefix: family }: Family<never>,
    outcome: CreateOutcome<unknown>['outcome'] | 'replaced' | 'conflict',
  ): void {
    if (outcome === 'exists') metrics.count(names.storeConflicts, { family, operation: 'create' })
    if (outcome === 'conflict') metrics.count(names.storeConflicts, { family, operation: 'replace' })
  }

  return {
    get: (...args) => timed('get', () => store.get(...args)),
    getMany: (...args) => timed('getMany', () => store.getMany(...args)),
    async create(family, ...args) {
      const result = await timed('create', () => store.create(family, ...args))
      if (result.outcome === 'unknown') failed('create')
      saw(family as Family<never>, result.outcome)
      return result
    },
    async createMany(family, ...args) {
      const results = await timed('createMany', () => store.createMany(family, ...args))
      // Once for the call, as calls are what is timed.
      if (results.some(({ outcome }) => outcome === 'unknown')) failed('createMany')
      for (const { outcome } of results) saw(family as Family<never>, outcome)
      return results
    },
    async replace(family, ...args) {
      const outcome = await timed('replace', () => store.replace(family, ...args))
      if (outcome === 'unknown') failed('replace')
      saw(family as Family<never>, outcome)
      return outcome
    },
    put: (...args) => timed('put', () => store.put(...args)),
    delete: (...args) => timed('delete', () => store.delete(...args)),
  }
}
