import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { hostname } from 'node:os'
import {
  createLogger,
  createMetrics,
  createSidecar,
  parseConfig,
  runService,
  serveMetrics,
  systemClock,
} from '@parley/kit'
import { createRealtimeApp } from './app.ts'
import { connectRedis } from './cluster/redis.ts'
import { realtimeConfig } from './config.ts'

const config = parseConfig(realtimeConfig, process.env)
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const logger = createLogger('realtime', config.logLevel)
const metrics = createMetrics('realtime')
serveMetrics(metrics, config, logger)
const sidecar = createSidecar({
  app: 'realtime',
  httpPort: config.daprHttpPort,
  logger,
  ...(config.daprApiToken === undefined ? {} : { apiToken: config.daprApiToken }),
})

// Before the app is made: whether there are several nodes decides what its sockets are made of. The sidecar loads its
// components without waiting for our port.
await sidecar.waitUntilReady({ signal: AbortSignal.timeout(60_000) })
const redisUrl = await sidecar.secret('redis-url')
const app = createRealtimeApp({
  version,
  logger,
  clock: systemClock,
  sidecar,
  node: config.node ?? hostname().slice(0, 64),
  rateLimits: config.rateLimits,
  origins: config.origins,
  oneLanePerEvent: await sidecar.brokerHasPartitions(),
  redis: redisUrl === undefined ? undefined : connectRedis(redisUrl, logger),
  appApiToken: config.appApiToken,
  metrics,
})
const server = createServer(app.http)
app.attach(server)

await runService({
  name: 'realtime',
  logger,
  server,
  port: config.appPort,
  bind: config.bind,
  drain: app.drain,
  async close() {
    await app.close()
    await sidecar.close()
  },
})
