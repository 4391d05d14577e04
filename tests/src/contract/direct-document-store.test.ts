import { it } from 'node:test'
import { type Clock, createLogger, type DirectStore, type DirectStoreOptions } from '@parley/kit'
import { mongoDocumentStore } from '@parley/kit/mongo'
import { postgresDocumentStore } from '@parley/kit/postgres'
import { documentStoreContract } from '@parley/testkit'
import { faultContract, impatient } from './faults.ts'
import { type StartServer, type StoreServer, startFerretdb, startPostgres, testMongoUrl } from './servers.ts'

const options = { name: 'contract_documents', logger: createLogger('messages', 'silent') }
type Open = (url: string, options: DirectStoreOptions) => Promise<DirectStore>

const startMongo = async () =>
  testMongoUrl === undefined
    ? 'it needs a MongoDB: give its address as PARLEY_TEST_MONGODB_URL'
    : { url: testMongoUrl, close: async () => {} }

const adapters = [
  ['PostgreSQL by pg', startPostgres, postgresDocumentStore],
  ['FerretDB by mongodb', startFerretdb, mongoDocumentStore],
  ['MongoDB by mongodb', startMongo, mongoDocumentStore],
] as const

for (const [name, start, open] of adapters) {
  const server = await start()
  if (typeof server === 'string') {
    it(`document store contract: ${name}`, { skip: server }, () => {})
    continue
  }
  documentStoreContract(name, async (clock: Clock) => {
    const store = await open(server.url, { ...options, clock })
    return {
      store,
      async close() {
        await store.close()
        await server.close()
      },
    }
  })
}

faultContract('PostgreSQL by pg', startImpatiently(startPostgres, postgresDocumentStore))
faultContract('FerretDB by mongodb', startImpatiently(startFerretdb, mongoDocumentStore))

function startImpatiently(start: StartServer<StoreServer>, open: Open) {
  return async () => {
    const server = await start()
    if (typeof server === 'string') return server
    const store = await open(server.url, { ...options, timeouts: impatient })
    return {
      store,
      server,
      async close() {
        await store.close()
        await server.close()
      },
    }
  }
}
