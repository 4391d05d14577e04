import { z } from 'zod'

/** Configuration that is missing or wrong. The message has one sentence per variable and is meant to be printed as it is. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const port = z.coerce.number('must be a port number').int().min(1).max(65_535)
const token = z.string().min(16, 'must have at least 16 characters')

/**
 * What every service reads. A key is the camelCase of its variable (`appPort` ← `APP_PORT`) unless `env` names another.
 * A service adds its own with `serviceConfig.extend({…})`.
 */
export const serviceConfig = z.object({
  appPort: port,
  /** `dapr run` sets it. */
  daprHttpPort: port.default(3500),
  /** We send it to the sidecar. */
  daprApiToken: token.optional(),
  /** The sidecar sends it to us. */
  appApiToken: token.optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  bind: z.string().min(1).default('127.0.0.1').meta({ env: 'PARLEY_BIND' }),
  /** Where `/metrics` is served; nowhere without it. */
  metricsPort: port.optional(),
  /** Who can reach it reads them: they name nobody. */
  metricsBind: z.string().min(1).default('127.0.0.1').meta({ env: 'PARLEY_METRICS_BIND' }),
  rateLimits: z
    .enum(['on', 'off'])
    .default('on')
    .transform((value) => value === 'on')
    .meta({ env: 'PARLEY_RATE_LIMITS' }),
  production: z
    .string()
    .default('')
    .transform((value) => value === 'production')
    .meta({ env: 'NODE_ENV' }),
})
export type ServiceConfig = z.output<typeof serviceConfig>

type Environment = Readonly<Record<string, string | undefined>>

function variableOf(key: string, schema: z.ZodType): string {
  const named = schema.meta()?.env
  if (typeof named === 'string') return named
  return /^[A-Z0-9_]+$/.test(key) ? key : key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

/** Reads the variables of an object schema; an empty variable counts as not set. Throws ConfigError. */
export function parseConfig<S extends z.ZodType>(schema: S, env: Environment): z.output<S> {
  const shape: Readonly<Record<string, z.ZodType>> = schema instanceof z.ZodObject ? schema.shape : {}
  const variables = new Map(Object.entries(shape).map(([key, field]) => [key, variableOf(key, field)]))
  const input: Record<string, string> = {}
  for (const [key, variable] of variables) {
    const value = env[variable]
    if (value !== undefined && value !== '') input[key] = value
  }
  const result = schema.safeParse(input)
  if (!result.success) {
    const sentences = result.error.issues.map((issue) => {
      const key = String(issue.path[0] ?? '')
      const variable = variables.get(key) ?? 'The configuration'
      return input[key] === undefined && variables.has(key)
        ? `${variable} is not set.`
        : `${variable} is wrong: ${issue.message}.`
    })
    throw new ConfigError([...new Set(sentences)].join('\n'))
  }
  refuseUnsafe(result.data as Partial<ServiceConfig>)
  return result.data
}

/** What is fine on a laptop and must not happen elsewhere. */
function refuseUnsafe(config: Partial<ServiceConfig>): void {
  if (config.production === true && config.rateLimits === false)
    throw new ConfigError(
      'PARLEY_RATE_LIMITS=off is for benchmarks: unset it, or do not set NODE_ENV=production.',
    )
  if (config.bind !== undefined && !isLoopback(config.bind) && config.appApiToken === undefined)
    throw new ConfigError(
      `PARLEY_BIND=${config.bind} opens the service to the network: set APP_API_TOKEN, so that only the sidecar gets in.`,
    )
}

export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || address.startsWith('127.')
