import { killed, testBroker } from './flows.ts'
import { mosquitto } from './servers.ts'

await testBroker({ folder: 'mqtt', broker: mosquitto, disturb: killed })
