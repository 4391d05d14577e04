import { memoryDocumentStore } from '@parley/kit'
import { documentStoreContract } from './document-store-contract.ts'

documentStoreContract('memory', async (clock) => ({
  store: memoryDocumentStore(clock),
  close: async () => {},
}))
