import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { ConfigError, isLoopback, serviceConfig } from '@parley/kit'
import { z } from 'zod'
import { defaultRates, type Rates } from './route-table.ts'
import { type Timeouts, timeouts } from './timeouts.ts'

const port = z.coerce.number().int().min(1).max(65_535)
const inRepository = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** One page, for a gateway that has no web app. */
export const withoutWebApp = inRepository('services/gateway/static/without-web-app')

/** What the gateway reads. It has no app port: nothing calls it through its sidecar. */
export const gatewayConfig = serviceConfig
  .pick({ daprHttpPort: true, daprApiToken: true, logLevel: true, rateLimits: true, production: true })
  .extend({
    gatewayPort: port.default(8080),
    gatewayBind: z.string().min(1).default('127.0.0.1'),
    /** Which of the two serves; without it NGINX where there is one. */
    gatewayKind: z.enum(['nginx', 'node']).optional().meta({ env: 'PARLEY_GATEWAY' }),
    /** The NGINX configuration and its temporary files. */
    gatewayRunDir: z.string().default('.data/gateway'),
    /** Whether there is a status page, for everybody who reaches the gateway. Without it: on a laptop, not in production. */
    gatewayStatus: z.enum(['on', 'off']).optional(),
    /** Which share of the requests is traced. Sidecars obey: they decide themselves only where nobody did before. */
    traceRatio: z.coerce.number().min(0).max(1).default(0.01).meta({ env: 'GATEWAY_TRACE_RATIO' }),
    gatewayTlsCert: z.string().optional(),
    gatewayTlsKey: z.string().optional(),
    realtimeHost: z
      .string()
      .regex(/^[A-Za-z0-9.:[\]-]+$/, 'must be a host name')
      .default('127.0.0.1'),
    /** One port, or those of several nodes on that host with commas between. */
    realtimePort: z
      .string()
      .regex(/^\d{1,5}(,\d{1,5})*$/, 'must be a port, or several with commas between')
      .default('4102')
      .transform((ports) => ports.split(','))
      .refine((ports) => ports.every((one) => port.safeParse(one).success), 'has a port that is none'),
    webRoot: z.string().default(inRepository('web/dist')),
    docsRoot: z.string().default(inRepository('docs')),
  })
export type GatewayConfig = z.output<typeof gatewayConfig>

/** What both proxies need to know, and nothing else. */
export interface GatewaySettings {
  readonly port: number
  readonly bind: string
  readonly sidecarPort: number
  readonly sidecarToken: string | undefined
  /** `host:port` of each node. */
  readonly realtime: readonly string[]
  readonly webRoot: string
  readonly docsRoot: string
  readonly status: boolean
  /** 0 to 1. */
  readonly traceRatio: number
  /** undefined: no rate is limited. */
  readonly rates: Rates | undefined
  readonly timeouts: Timeouts
  /** Paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
}

function demandCertificate(cert: string, key: string): void {
  for (const path of [cert, key])
    if (!existsSync(path)) throw new ConfigError(`There is no file ${path} for TLS.`)
  try {
    createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) })
  } catch (error) {
    throw new ConfigError(`${cert} and ${key} are no certificate and its key: ${(error as Error).message}.`)
  }
}

export function settingsOf(config: GatewayConfig): GatewaySettings {
  const { gatewayTlsCert: cert, gatewayTlsKey: key } = config
  if ((cert === undefined) !== (key === undefined))
    throw new ConfigError('GATEWAY_TLS_CERT and GATEWAY_TLS_KEY belong together: set both or none.')
  if (cert !== undefined && key !== undefined) demandCertificate(cert, key)
  return {
    port: config.gatewayPort,
    bind: config.gatewayBind,
    sidecarPort: config.daprHttpPort,
    sidecarToken: config.daprApiToken,
    realtime: config.realtimePort.map((one) => `${config.realtimeHost}:${one}`),
    webRoot: existsSync(join(config.webRoot, 'index.html')) ? resolve(config.webRoot) : withoutWebApp,
    docsRoot: resolve(config.docsRoot),
    status:
      config.gatewayStatus === undefined
        ? isLoopback(config.gatewayBind) && !config.production
        : config.gatewayStatus === 'on',
    traceRatio: config.traceRatio,
    rates: config.rateLimits ? defaultRates : undefined,
    timeouts,
    tls: cert !== undefined && key !== undefined ? { cert: resolve(cert), key: resolve(key) } : undefined,
  }
}
