import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { componentNames } from '@parley/contracts'
import {
  createLogger,
  createMetrics,
  createSidecar,
  parseConfig,
  runService,
  selectDocumentStore,
  serveMetrics,
  serviceConfig,
  systemClock,
} from '@parley/kit'
import { createAuthApp } from './app.ts'

const config = parseConfig(serviceConfig, process.env)
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const logger = createLogger('auth', config.logLevel)
const metrics = createMetrics('auth')
serveMetrics(metrics, config, logger)
const sidecar = createSidecar({
  httpPort: config.daprHttpPort,
  app: 'auth',
  logger,
  ...(config.daprApiToken === undefined ? {} : { apiToken: config.daprApiToken }),
})
const store = selectDocumentStore({ sidecar, component: componentNames.stores.auth, logger })
let draining = false
const auth = createAuthApp({
  store,
  sidecar,
  logger,
  clock: systemClock,
  version,
  rateLimits: config.rateLimits,
  appApiToken: config.appApiToken,
  metrics,
  draining: () => draining,
})
const starting = new AbortController()

await runService({
  name: 'auth',
  logger,
  server: createServer(auth.http),
  port: config.appPort,
  bind: config.bind,
  ready: async () => {
    await sidecar.waitUntilReady({ signal: starting.signal })
    await store.open()
    await auth.ready()
  },
  drain: async () => {
    draining = true
    starting.abort()
  },
  close: async () => {
    auth.close()
    await store.close()
    await sidecar.close()
  },
})
