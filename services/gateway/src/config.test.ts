import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseConfig } from '@parley/kit'
import { gatewayConfig, settingsOf } from './config.ts'

const statusOf = (env: Record<string, string>) => settingsOf(parseConfig(gatewayConfig, env)).status

describe('the status page', () => {
  for (const [bind, isThere] of [
    ['127.0.0.1', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.1.2.3', false],
  ] as const)
    it(`${isThere ? 'is there' : 'waits to be asked for'} where the gateway listens on ${bind}`, () => {
      assert.equal(statusOf({ GATEWAY_BIND: bind }), isThere)
      assert.equal(statusOf({ GATEWAY_BIND: bind, NODE_ENV: 'production' }), false)
      assert.equal(statusOf({ GATEWAY_BIND: bind, GATEWAY_STATUS: 'on', NODE_ENV: 'production' }), true)
      assert.equal(statusOf({ GATEWAY_BIND: bind, GATEWAY_STATUS: 'off' }), false)
    })
})
