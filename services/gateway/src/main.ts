import { createLogger, parseConfig, runService } from '@parley/kit'
import { gatewayConfig, settingsOf } from './config.ts'
import { accessLogOf, findNginx, startNginx } from './nginx-process.ts'
import { createNodeProxy } from './node-proxy.ts'

const config = parseConfig(gatewayConfig, process.env)
const settings = settingsOf(config)
const logger = createLogger('gateway', config.logLevel)
if (!settings.rateLimits) logger.warn('PARLEY_RATE_LIMITS=off: no rate is limited here')

const nginx = config.gatewayKind === 'node' ? undefined : findNginx()
if (config.gatewayKind === 'nginx' && nginx === undefined) {
  logger.fatal(
    'PARLEY_GATEWAY=nginx, but there is no nginx on this machine: install it, or set PARLEY_GATEWAY=node',
  )
  process.exit(1)
}

if (nginx !== undefined) {
  const { ended, stop } = startNginx(
    nginx,
    config.gatewayRunDir,
    { ...settings, accessLog: accessLogOf(1) },
    logger,
  )
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)
  process.exit(await ended)
}

const { server, endSockets } = createNodeProxy(settings, logger)
await runService({
  name: 'gateway',
  logger,
  server,
  port: settings.port,
  bind: settings.bind,
  drain: async () => endSockets(),
})
