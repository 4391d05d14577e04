import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigError } from '@parley/kit'
import { readConfig } from './config.ts'

const env = { APP_PORT: '4105' }

it('pushes go to the public internet alone, unless a test says otherwise', () => {
  assert.equal(readConfig(env).allowLoopback, false)
  assert.equal(readConfig({ ...env, PARLEY_PUSH_ALLOW_LOOPBACK: 'true' }).allowLoopback, true)
})

it('in production a test has nothing to say', () => {
  const bad = { ...env, PARLEY_PUSH_ALLOW_LOOPBACK: 'true', NODE_ENV: 'production' }
  assert.throws(() => readConfig(bad), { name: ConfigError.name, message: /PARLEY_PUSH_ALLOW_LOOPBACK=true/ })
})

it('whom a push service may complain to is a mail address or a page', () => {
  for (const contact of ['mailto:a@b.example', 'https://b.example/push'])
    assert.equal(readConfig({ ...env, PARLEY_PUSH_CONTACT: contact }).contact, contact)
  for (const contact of ['a@b.example', 'http://b.example', 'mailto:'])
    assert.throws(() => readConfig({ ...env, PARLEY_PUSH_CONTACT: contact }), ConfigError)
})
