import type { Clock } from './clock.ts'
import type { DocumentStore } from './document-store.ts'
import { documentsOver } from './documents-over.ts'
import type { RawStore, RawWrite } from './raw-store.ts'
import type { Sidecar } from './sidecar/sidecar.ts'
import type { StateItem } from './sidecar/state.ts'

/** Documents through the Dapr state API, on every store that passes the contract test. */
export function daprDocumentStore(options: {
  readonly sidecar: Pick<Sidecar, 'state'>
  readonly component: string
  readonly clock?: Clock
}): DocumentStore {
  return documentsOver(daprRawStore(options), options.clock)
}

/** Without the semantics of documents: for whoever copies them as they are. */
export function daprRawStore({
  sidecar: { state },
  component,
}: {
  readonly sidecar: Pick<Sidecar, 'state'>
  readonly component: string
}): RawStore {
  return {
    read: (keys) => state.getBulk(component, keys),

    async create(writes) {
      const saved = await state.save(
        component,
        writes.map((write) => toItem(write, { firstWrite: true })),
      )
      // One answer for all: after a conflict the others may be written or not.
      return new Map(saved.outcome === 'saved' ? writes.map(({ key }) => [key, undefined]) : [])
    },

    replace: (write, etag) => state.save(component, [toItem(write, { firstWrite: true, etag })]),
    put: (write) => state.save(component, [toItem(write, { firstWrite: false })]),
    delete: (key) => state.delete(component, key),
  }
}

const toItem = (
  { key, text, ttlMs }: RawWrite,
  concurrency: { readonly firstWrite: boolean; readonly etag?: string },
): StateItem => ({
  key,
  value: text,
  ...concurrency,
  ...(ttlMs === undefined ? {} : { ttlSeconds: Math.ceil(ttlMs / 1000) }),
})
