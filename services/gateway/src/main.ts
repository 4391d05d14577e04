import { createLogger, type Logger, parseConfig, runService } from '@parley/kit'
import { chooseProxy } from './choice.ts'
import {
  type GatewayConfig,
  type GatewaySettings,
  gatewayConfig,
  settingsOf,
  withoutWebApp,
} from './config.ts'
import { accessLogOf, findNginx, startNginx } from './nginx-process.ts'
import { createNodeProxy } from './node-proxy.ts'

const config = parseConfig(gatewayConfig, process.env)
const settings = settingsOf(config)
const logger = createLogger('gateway', config.logLevel)
if (!settings.rates) logger.warn('PARLEY_RATE_LIMITS=off: no rate is limited here')
if (settings.webRoot === withoutWebApp)
  logger.warn(`there is no web app in ${config.webRoot}: a page says so`)

const choice = chooseProxy(config.gatewayKind, findNginx())
switch (choice.use) {
  case 'neither':
    logger.fatal(choice.reason)
    process.exit(1)
    break
  case 'nginx':
    await serveByNginx(choice.path, config, settings, logger)
    break
  case 'node':
    if (choice.warning) logger.warn(choice.warning)
    await serveByNode(settings, logger)
}

async function serveByNginx(
  nginx: string,
  { gatewayRunDir }: GatewayConfig,
  settings: GatewaySettings,
  logger: Logger,
): Promise<void> {
  const { ended, stop } = startNginx(nginx, gatewayRunDir, { ...settings, accessLog: accessLogOf(1) }, logger)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)
  const { code, reason } = await ended
  if (reason !== undefined) logger.fatal(`nginx does not start: ${reason}`)
  process.exit(code)
}

async function serveByNode(settings: GatewaySettings, logger: Logger): Promise<void> {
  const { server, endSockets } = createNodeProxy(settings, logger)
  await runService({
    name: 'gateway',
    logger,
    server,
    port: settings.port,
    bind: settings.bind,
    drain: async () => endSockets(),
  })
}
