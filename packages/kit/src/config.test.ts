import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { ConfigError, parseConfig, serviceConfig } from './config.ts'

const messageOf = (schema: z.ZodType, env: Record<string, string | undefined>): string => {
  try {
    parseConfig(schema, env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.message
  }
  assert.fail('it was accepted')
}
const token = 'sixteen-letters-x'

describe('configuration', () => {
  it('has defaults for all but the port', () => {
    assert.deepEqual(parseConfig(serviceConfig, { APP_PORT: '4101' }), {
      appPort: 4101,
      daprHttpPort: 3500,
      logLevel: 'info',
      bind: '127.0.0.1',
      metricsBind: '127.0.0.1',
      rateLimits: true,
      production: false,
    })
  })

  it('reads each variable by its name', () => {
    const config = parseConfig(serviceConfig, {
      APP_PORT: '1',
      DAPR_HTTP_PORT: '2',
      DAPR_API_TOKEN: `${token}1`,
      APP_API_TOKEN: `${token}2`,
      LOG_LEVEL: 'debug',
      PARLEY_BIND: '0.0.0.0',
      PARLEY_RATE_LIMITS: 'on',
      NODE_ENV: 'production',
    })
    assert.deepEqual(config, {
      appPort: 1,
      daprHttpPort: 2,
      daprApiToken: `${token}1`,
      appApiToken: `${token}2`,
      logLevel: 'debug',
      bind: '0.0.0.0',
      metricsBind: '127.0.0.1',
      rateLimits: true,
      production: true,
    })
  })

  const wrong: readonly (readonly [Record<string, string | undefined>, string])[] = [
    [{}, 'APP_PORT is not set.'],
    [{ APP_PORT: '' }, 'APP_PORT is not set.'],
    [{ APP_PORT: 'many' }, 'APP_PORT is wrong: must be a port number.'],
    [
      { APP_PORT: '1', DAPR_API_TOKEN: 'short' },
      'DAPR_API_TOKEN is wrong: must have at least 16 characters.',
    ],
    [
      { APP_PORT: '1', PARLEY_RATE_LIMITS: 'off', NODE_ENV: 'production' },
      'PARLEY_RATE_LIMITS=off is for benchmarks: unset it, or do not set NODE_ENV=production.',
    ],
    [
      { APP_PORT: '1', PARLEY_BIND: '0.0.0.0' },
      'PARLEY_BIND=0.0.0.0 opens the service to the network: set APP_API_TOKEN, so that only the sidecar gets in.',
    ],
  ]
  for (const [env, sentence] of wrong)
    it(`says: ${sentence}`, () => assert.equal(messageOf(serviceConfig, env), sentence))

  it('has one sentence for each variable that is wrong, and never the value of one', () => {
    const message = messageOf(serviceConfig, {
      APP_PORT: '70000',
      APP_API_TOKEN: 'secret',
      LOG_LEVEL: 'loud',
    })
    assert.deepEqual(
      message.split('\n').map((line) => line.split(' ')[0]),
      ['APP_PORT', 'APP_API_TOKEN', 'LOG_LEVEL'],
    )
    assert.doesNotMatch(message, /secret/)
  })

  it('takes what a service adds, by another name where it has one', () => {
    const schema = serviceConfig.extend({
      pushContact: z.string(),
      REDIS_URL: z.string(),
      nodes: z.coerce.number().meta({ env: 'PARLEY_NODES' }),
    })
    const env = { APP_PORT: '1', PUSH_CONTACT: 'a', REDIS_URL: 'b', PARLEY_NODES: '3' }
    const { pushContact, REDIS_URL, nodes } = parseConfig(schema, env)
    assert.deepEqual([pushContact, REDIS_URL, nodes], ['a', 'b', 3])
  })

  for (const bind of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
    it(`takes ${bind} for this machine alone`, () =>
      assert.equal(parseConfig(serviceConfig, { APP_PORT: '1', PARLEY_BIND: bind }).bind, bind))
})
