import { ConfigError, parseConfig, serviceConfig } from '@parley/kit'
import { z } from 'zod'

const notificationsConfig = serviceConfig.extend({
  /** Whom a push service may complain to (RFC 8292). */
  contact: z
    .string()
    .regex(/^(mailto:|https:\/\/)\S+$/, 'must start with mailto: or https://')
    .default('mailto:push@parley.example')
    .meta({ env: 'PARLEY_PUSH_CONTACT' }),
  /** Push services on this machine, for tests. */
  allowLoopback: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true')
    .meta({ env: 'PARLEY_PUSH_ALLOW_LOOPBACK' }),
})
export type NotificationsConfig = z.output<typeof notificationsConfig>

/** Throws ConfigError. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): NotificationsConfig {
  const config = parseConfig(notificationsConfig, env)
  if (config.production && config.allowLoopback)
    throw new ConfigError(
      'PARLEY_PUSH_ALLOW_LOOPBACK=true lets people reach into this machine: unset it, or do not set NODE_ENV=production.',
    )
  return config
}
