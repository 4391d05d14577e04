import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { componentNames, getJwks } from '@parley/contracts'
import {
  createLogger,
  createMetrics,
  createSidecar,
  createTokenVerifier,
  parseConfig,
  runService,
  selectDocumentStore,
  serveMetrics,
  serviceConfig,
  systemClock,
} from '@parley/kit'
import { createPresenceApp } from './app.ts'

const config = parseConfig(serviceConfig, process.env)
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const logger = createLogger('presence', config.logLevel)
const metrics = createMetrics('presence')
serveMetrics(metrics, config, logger)
const sidecar = createSidecar({
  app: 'presence',
  httpPort: config.daprHttpPort,
  logger,
  ...(config.daprApiToken === undefined ? {} : { apiToken: config.daprApiToken }),
})
const store = selectDocumentStore({ sidecar, component: componentNames.stores.presence, logger })
let draining = false
const app = createPresenceApp({
  version,
  logger,
  clock: systemClock,
  sidecar,
  store,
  verifyToken: createTokenVerifier({ jwks: () => sidecar.invoke(getJwks) }),
  appApiToken: config.appApiToken,
  metrics,
  draining: () => draining,
})
const starting = new AbortController()

await runService({
  name: 'presence',
  logger,
  server: createServer(app.http),
  port: config.appPort,
  bind: config.bind,
  async ready() {
    await sidecar.waitUntilReady({ signal: starting.signal })
    await store.open()
    app.start()
  },
  async drain() {
    draining = true
    starting.abort()
    await app.stop()
  },
  async close() {
    await store.close()
    await sidecar.close()
  },
})
