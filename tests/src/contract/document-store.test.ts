import { it } from 'node:test'
import { type Clock, createLogger, createSidecar, daprDocumentStore, type SidecarTimeouts } from '@parley/kit'
import { documentStoreContract, findDaprd, startDaprd } from '@parley/testkit'
import { faultContract, impatient } from './faults.ts'
import {
  type Breakable,
  mongoComponent,
  startPostgres,
  startRedis,
  startSqlite,
  testMongoUrl,
} from './servers.ts'

const logger = createLogger('messages', 'silent')

/** What each test starts: a component on a server of its own. */
interface ComponentServer extends Partial<Breakable> {
  readonly component: string
  close(): Promise<void>
}

async function openStore(
  component: string,
  options: { clock?: Clock; timeouts?: Partial<SidecarTimeouts> } = {},
) {
  const { clock, timeouts = {} } = options
  const daprd = await startDaprd({ appId: 'messages', resources: { 'store.yaml': component } })
  const sidecar = createSidecar({ httpPort: daprd.httpPort, app: 'messages', logger, timeouts })
  return {
    store: daprDocumentStore({ sidecar, component: 'contract-store', ...(clock ? { clock } : {}) }),
    daprd: {
      freeze: () => daprd.signal('SIGSTOP'),
      thaw: () => daprd.signal('SIGCONT'),
      kill: async () => daprd.signal('SIGKILL'),
      start: daprd.restart,
    },
    async close() {
      await sidecar.close()
      await daprd.stop()
    },
  }
}

/** The component makes a TTL index and updates by pipelines: FerretDB 1.24 has neither. */
const startMongo = async () =>
  testMongoUrl === undefined
    ? 'it needs a MongoDB: give its address as PARLEY_TEST_MONGODB_URL'
    : { component: mongoComponent(testMongoUrl), close: async () => {} }

const stores: readonly (readonly [string, () => Promise<ComponentServer | string>])[] = [
  ['PostgreSQL', startPostgres],
  ['Redis', startRedis],
  ['SQLite', startSqlite],
  ['MongoDB', startMongo],
]

async function contract(name: string, start: () => Promise<ComponentServer | string>): Promise<void> {
  const server = await start()
  if (typeof server === 'string') {
    it(`document store contract: ${name}`, { skip: server }, () => {})
    return
  }
  documentStoreContract(name, async (clock) => {
    const opened = await openStore(server.component, { clock })
    return {
      store: opened.store,
      async close() {
        await opened.close()
        await server.close()
      },
    }
  })
}

/** `inDaprd`: the store has no process of its own, so what breaks and stops is daprd with the store in it. */
const startWith = (start: () => Promise<ComponentServer | string>, inDaprd: boolean) => async () => {
  const server = await start()
  if (typeof server === 'string') return server
  const timeouts = { stateReadMs: impatient.readMs, stateWriteMs: impatient.writeMs }
  const { store, daprd, close } = await openStore(server.component, { timeouts })
  return {
    store,
    server: inDaprd ? daprd : (server as ComponentServer & Breakable),
    daprd,
    async close() {
      await close()
      await server.close()
    },
  }
}

if (findDaprd() === undefined) {
  it('document stores through daprd', { skip: 'there is no daprd: `npm start` provides one' }, () => {})
} else {
  for (const [name, start] of stores) await contract(`${name} through daprd`, start)
  for (const [name, start, inDaprd] of [
    ['PostgreSQL', startPostgres, false],
    ['Redis', startRedis, false],
    ['SQLite', startSqlite, true],
  ] as const)
    faultContract(`${name} through daprd`, startWith(start, inDaprd), { withDaprd: !inDaprd })
}
