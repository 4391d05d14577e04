import { killed, testBroker } from './flows.ts'
import { ownBroker } from './servers.ts'

await testBroker({ folder: 'kafka', broker: () => ownBroker('kafka'), disturb: killed })
