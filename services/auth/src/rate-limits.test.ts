import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@parley/contracts'
import { ChatError } from '@parley/kit'
import { addressOf, createRateLimits } from './rate-limits.ts'

const limited = (error: unknown): boolean =>
  error instanceof ChatError && error.code === 'rate_limited' && (error.retryAfterMs ?? 0) > 0

test('addresses: IPv4 as they are, IPv6 by their /64', () => {
  const cases: readonly [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ]
  for (const [ip, address] of cases) assert.equal(addressOf(ip), address)
})

test('logins are counted by account and address, whatever the spelling of the name', async () => {
  const rates = createRateLimits(true)
  for (let i = 0; i < limits.loginsPerMinute; i++) await rates.login(i % 2 ? 'ada' : 'ADA', '192.0.2.1')
  await assert.rejects(rates.login('Ada', '192.0.2.1'), limited)
  await rates.login('ada', '192.0.2.2')
  await rates.login('bob', '192.0.2.1')
})

test('registrations are counted by address', async () => {
  const rates = createRateLimits(true)
  for (let i = 0; i < limits.registrationsPerMinute; i++) await rates.registration('192.0.2.1')
  await assert.rejects(rates.registration('192.0.2.1'), limited)
  await rates.registration('192.0.2.2')
})

test('switched off, nothing is counted', async () => {
  const rates = createRateLimits(false)
  for (let i = 0; i < 100; i++) await rates.login('ada', '192.0.2.1')
})
