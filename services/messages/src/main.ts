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
import { createMessagesApp } from './app.ts'

const config = parseConfig(serviceConfig, process.env)
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const logger = createLogger('messages', config.logLevel)
const metrics = createMetrics('messages')
serveMetrics(metrics, config, logger)
const { appApiToken, daprApiToken } = config
const sidecar = createSidecar({
  httpPort: config.daprHttpPort,
  app: 'messages',
  logger,
  ...(daprApiToken === undefined ? {} : { apiToken: daprApiToken }),
})
const store = selectDocumentStore({ sidecar, component: componentNames.stores.messages, logger })
const app = createMessagesApp({
  store,
  sidecar,
  clock: systemClock,
  logger,
  version,
  metrics,
  rateLimits: config.rateLimits,
  verifyToken: createTokenVerifier({ jwks: () => sidecar.invoke(getJwks) }),
  ...(appApiToken === undefined ? {} : { appApiToken }),
})

await runService({
  name: 'messages',
  logger,
  server: createServer(app.http),
  port: config.appPort,
  bind: config.bind,
  ready: async () => {
    await sidecar.waitUntilReady({ signal: AbortSignal.timeout(60_000) })
    await store.open()
    app.start()
  },
  drain: app.drain,
  close: async () => {
    await store.close()
    await sidecar.close()
  },
})
