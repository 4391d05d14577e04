import { frozen, testBroker } from './flows.ts'
import { ownBroker } from './servers.ts'

// Not killed: moto keeps everything in memory, as AWS does not.
await testBroker({ folder: 'aws', broker: () => ownBroker('aws'), disturb: frozen })
