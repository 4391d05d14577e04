import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { componentNames, getJwks } from '@parley/contracts'
import {
  createLogger,
  createMetrics,
  createSidecar,
  createTokenVerifier,
  runService,
  selectDocumentStore,
  serveMetrics,
  systemClock,
} from '@parley/kit'
import { createNotificationsApp } from './app.ts'
import { readConfig } from './config.ts'
import { createTransport } from './push-transport.ts'

const config = readConfig(process.env)
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const logger = createLogger('notifications', config.logLevel)
const metrics = createMetrics('notifications')
serveMetrics(metrics, config, logger)
const sidecar = createSidecar({
  app: 'notifications',
  httpPort: config.daprHttpPort,
  logger,
  ...(config.daprApiToken === undefined ? {} : { apiToken: config.daprApiToken }),
})
const store = selectDocumentStore({ sidecar, component: componentNames.stores.notifications, logger })
const rules = { allowLoopback: config.allowLoopback }
const transport = createTransport({ ...rules, clock: systemClock })
let draining = false
const app = createNotificationsApp({
  version,
  logger,
  clock: systemClock,
  sidecar,
  store,
  verifyToken: createTokenVerifier({ jwks: () => sidecar.invoke(getJwks) }),
  transport,
  rules,
  contact: config.contact,
  appApiToken: config.appApiToken,
  metrics,
  draining: () => draining,
})
const starting = new AbortController()

await runService({
  name: 'notifications',
  logger,
  server: createServer(app.http),
  port: config.appPort,
  bind: config.bind,
  async ready() {
    await sidecar.waitUntilReady({ signal: starting.signal })
    await store.open()
    await app.ready()
    app.start()
  },
  async drain() {
    draining = true
    starting.abort()
    await app.stop()
  },
  async close() {
    transport.close()
    await store.close()
    await sidecar.close()
  },
})
