import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AppId, serviceIds } from '@parley/contracts'
import { createTokenVerifier, memoryDocumentStore } from '@parley/kit'
import jwt from 'jsonwebtoken'
import { signingKeys } from './documents.ts'
import { createSigningKeys } from './keys.ts'
import { startAuth } from './testing/start-auth.ts'
import { killBefore, testClock } from './testing/stubs.ts'

test('tokens are ES256, verify with the JWKS alone, and nothing private is in it', async () => {
  await using auth = await startAuth()
  const { user, accessToken } = (await auth.register('ada')).body
  const { body: jwks } = await auth.call('GET', '/api/auth/.well-known/jwks.json')
  assert.deepEqual(Object.keys(jwks.keys[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  const { header, payload } = jwt.decode(accessToken, { complete: true }) as jwt.Jwt
  assert.deepEqual([header.alg, header.kid], ['ES256', jwks.keys[0].kid])
  const claims = payload as jwt.JwtPayload
  assert.deepEqual([claims.iss, claims.sub, (claims.exp ?? 0) - (claims.iat ?? 0)], ['parley', user.id, 900])
  const verify = createTokenVerifier({ jwks: async () => jwks, clock: auth.clock })
  assert.deepEqual(await verify(accessToken), { userId: user.id, sessionId: claims.sid })
})

test('a session is validated for realtime, and for nobody else', async () => {
  await using auth = await startAuth()
  const { user, accessToken } = (await auth.register('ada')).body
  const { status, body } = await auth.validate(accessToken)
  assert.equal(status, 200)
  assert.equal(body.userId, user.id)
  assert.equal(Date.parse(body.expiresAt), auth.clock.now() + 900_000)
  assert.equal((await auth.validate('nonsense')).body.code, 'token_invalid')
  assert.equal((await auth.validate(`${accessToken.slice(0, -4)}AAAA`)).body.code, 'token_invalid')
  const gateway = await auth.call(
    'POST',
    '/internal/sessions/validate',
    { token: accessToken },
    { 'dapr-caller-app-id': 'gateway' },
  )
  assert.equal(gateway.status, 403)
  auth.clock.advance(901_000)
  assert.equal((await auth.validate(accessToken)).body.code, 'token_expired')
  assert.equal((await auth.as(accessToken)('GET', '/api/auth/me')).body.code, 'token_expired')
})

test('replicas that start at once agree on one key', async () => {
  const store = memoryDocumentStore()
  const replicas = Array.from({ length: 8 }, () => createSigningKeys({ store, clock: testClock() }))
  const kids = await Promise.all(replicas.map(async (keys) => (await keys.active()).kid))
  assert.equal(new Set(kids).size, 1)
})

test('after a rotation, old tokens stay good and new ones have a new key', async () => {
  await using auth = await startAuth()
  const before = (await auth.register('ada')).body
  const rotate = (caller: string) =>
    auth.call('POST', '/internal/keys/rotate', undefined, { 'dapr-caller-app-id': caller })
  assert.equal((await rotate('gateway')).status, 403)
  const { body } = await rotate('auth')
  auth.clock.advance(60_000)
  const after = (await auth.login('ada')).body
  assert.equal(jwt.decode(after.accessToken, { complete: true })?.header.kid, body.kid)
  for (const { accessToken } of [before, after]) assert.equal((await auth.validate(accessToken)).status, 200)
  for (let i = 0; i < 3; i++) await rotate('auth')
  const { keys } = (await auth.call('GET', '/api/auth/.well-known/jwks.json')).body
  assert.equal(keys.length, 3)
  assert.ok(keys.every(({ kid }: { kid: string }) => kid !== body.kid))
})

test('another replica signs with the new key within a minute', async () => {
  const clock = testClock()
  const store = memoryDocumentStore(clock)
  const [one, two] = [createSigningKeys({ store, clock }), createSigningKeys({ store, clock })]
  const { kid } = await two.active()
  const next = await one.rotate()
  assert.equal((await two.active()).kid, kid)
  clock.advance(60_000)
  assert.equal((await two.active()).kid, next)
})

test('the readiness of the system is that of every service', async () => {
  let broken: AppId | undefined
  await using auth = await startAuth({
    readinessOf: async (app) => {
      if (app === broken) throw new Error('gone')
      return { ready: true, app, version: '0.0.0', checks: {} }
    },
  })
  const ask = () =>
    auth.call('GET', '/internal/system-readiness', undefined, { 'dapr-caller-app-id': 'gateway' })
  const all = await ask()
  assert.equal(all.status, 200)
  assert.deepEqual(Object.keys(all.body.services).sort(), [...serviceIds].sort())
  broken = 'messages'
  const one = await ask()
  assert.equal(one.status, 503)
  assert.equal(one.body.ready, false)
  assert.equal(one.body.services.messages.ready, false)
  assert.equal(one.body.services.presence.ready, true)
})

test('nobody gets past the token of the sidecar, but health does', async () => {
  await using auth = await startAuth({ appApiToken: 'a token of the sidecar' })
  assert.equal((await auth.register('ada')).status, 403)
  const health = await auth.call('GET', '/readyz')
  assert.equal(health.status, 200)
  assert.deepEqual(health.body.checks, { sidecar: 'ok', 'auth-store': 'ok' })
})

test('no secret is ever written to the log', async () => {
  await using auth = await startAuth()
  const password = 'correct horse'
  const secrets = new Set([password, 'battery staple', 'wrong horse'])
  const keep = ({ body }: { body: { accessToken?: string; refreshToken?: string } }) => {
    for (const secret of [body.accessToken, body.refreshToken]) if (secret) secrets.add(secret)
    return body as { accessToken: string; refreshToken: string }
  }
  const first = keep(await auth.register('ada'))
  const second = keep(await auth.login('ada'))
  await auth.login('ada', 'wrong horse')
  const third = keep(await auth.refresh(second.refreshToken, 'request 1'))
  await auth.validate(third.accessToken)
  await auth.validate(`${third.accessToken}x`)
  await auth.as(third.accessToken)('POST', '/api/auth/password', {
    current: password,
    next: 'battery staple',
  })
  await auth.refresh(first.refreshToken)
  auth.broker.up = false
  await auth.as(third.accessToken)('POST', '/api/auth/logout')
  for (const family of ['user', 'session', 'username']) {
    auth.steps.before = killBefore(family)
    keep(await auth.register(`eve-${family}`))
  }
  const log = auth.log.join('')
  assert.match(log, /killed before writing session/, 'the log was written')
  for (const { value } of [await auth.store.get(signingKeys, 'signing')].flatMap((found) => found ?? []))
    secrets.add(value.active.privateJwk.d)
  for (const secret of secrets) assert.equal(log.includes(secret), false, secret)
  assert.doesNotMatch(log, /\$argon2id/)
})
