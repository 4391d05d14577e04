import { killed, testBroker } from './flows.ts'
import { ownBroker } from './servers.ts'

await testBroker({
  folder: 'rabbitmq',
  broker: () => ownBroker('rabbitmq'),
  disturb: killed,
  inShort: true,
})
