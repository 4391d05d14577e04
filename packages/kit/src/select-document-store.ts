import type { Clock } from './clock.ts'
import { daprDocumentStore } from './dapr-document-store.ts'
import type { DirectStore } from './direct-store.ts'
import type { DocumentStore } from './document-store.ts'
import { ChatError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { Sidecar } from './sidecar/sidecar.ts'

/** A store that is asked for before it is known which one it is. Until `open` it is `unavailable`. */
export interface SelectedStore extends DocumentStore {
  /** When the sidecar is ready, as it knows the secrets. Rejects where the store cannot be used. */
  open(): Promise<void>
  close(): Promise<void>
}

/**
 * The store of a service as its operator chose it: the database at the address in the secret `<component>-url`
 * (`postgres://…` or `mongodb://…`), or, where there is no such secret, the Dapr component.
 */
export function selectDocumentStore(options: {
  readonly sidecar: Sidecar
  readonly component: string
  readonly logger: Logger
  readonly clock?: Clock
}): SelectedStore {
  const { sidecar, component, logger } = options
  const secret = `${component}-url`
  let direct: DirectStore | undefined
  let opened: DocumentStore | undefined
  const store = (): DocumentStore => {
    if (opened) return opened
    throw new ChatError('unavailable', { cause: new Error(`${component} is not open`) })
  }

  async function openDirect(url: string): Promise<DirectStore> {
    const name = component.replace(/-store$/, '_documents')
    const settings = { name, logger, ...(options.clock ? { clock: options.clock } : {}) }
    if (/^postgres(ql)?:\/\//.test(url)) {
      const { postgresDocumentStore } = await import('./postgres-document-store.ts')
      return postgresDocumentStore(url, settings)
    }
    if (/^mongodb(\+srv)?:\/\//.test(url)) {
      const { mongoDocumentStore } = await import('./mongo-document-store.ts')
      return mongoDocumentStore(url, settings)
    }
    throw new Error(`The secret ${secret} must start with postgres:// or mongodb://`)
  }

  return {
    async open() {
      const url = await sidecar.secret(secret)
      direct = url === undefined ? undefined : await openDirect(url)
      opened = direct ?? daprDocumentStore(options)
      logger.info({ component, by: url?.split(':', 1)[0] ?? 'dapr' }, 'the store is open')
    },
    async close() {
      await direct?.close()
    },
    get: async (...args) => store().get(...args),
    getMany: async (...args) => store().getMany(...args),
    create: async (...args) => store().create(...args),
    createMany: async (...args) => store().createMany(...args),
    replace: async (...args) => store().replace(...args),
    put: async (...args) => store().put(...args),
    delete: async (...args) => store().delete(...args),
  }
}
