import { killed, testBroker } from './flows.ts'
import { ownBroker } from './servers.ts'

await testBroker({ folder: 'nats', broker: () => ownBroker('nats'), disturb: killed })
