import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChatError } from '@parley/kit'
import { sessionLifetimeMs, sessionsPerUser } from './sessions-domain.ts'
import { startAuth } from './testing/start-auth.ts'
import { goOn, noDoubt, together } from './testing/stubs.ts'

test('each refresh gives a new pair; a used token ends the family', async () => {
  await using auth = await startAuth()
  const first = (await auth.register('ada')).body
  const second = (await auth.refresh(first.refreshToken)).body
  assert.notEqual(second.refreshToken, first.refreshToken)
  assert.equal((await auth.as(second.accessToken)('GET', '/api/auth/me')).status, 200)
  const third = (await auth.refresh(second.refreshToken)).body
  auth.published.length = 0

  const reused = await auth.refresh(first.refreshToken)
  assert.equal(reused.status, 401)
  assert.equal(reused.body.code, 'refresh_reused')
  assert.equal((await auth.refresh(third.refreshToken)).body.code, 'refresh_reused')
  assert.equal((await auth.validate(third.accessToken)).body.code, 'session_revoked')
  assert.equal(auth.published[0]?.topic, 'session.revoked')
})

test('of two refreshes at once exactly one wins', async () => {
  await using auth = await startAuth()
  const { refreshToken } = (await auth.register('ada')).body
  auth.steps.before = together(4, 'replace', 'session')
  const answers = await Promise.all([1, 2, 3, 4].map(() => auth.refresh(refreshToken)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  for (const { status, body } of answers) if (status !== 200) assert.equal(body.code, 'refresh_reused')
})

test('a refresh whose answer was lost may be repeated with its client id, late and out of order too', async () => {
  await using auth = await startAuth()
  const first = (await auth.register('ada')).body
  const lost = (await auth.refresh(first.refreshToken, 'request 1')).body
  const again = await Promise.all([1, 2, 3].map(() => auth.refresh(first.refreshToken, 'request 1')))
  for (const { status, body } of again)
    assert.deepEqual([status, body.refreshToken], [200, lost.refreshToken])
  const second = again[0]?.body
  assert.equal((await auth.as(second.accessToken)('GET', '/api/auth/me')).status, 200)
  auth.clock.advance(sessionLifetimeMs - 1_000)
  assert.equal(
    (await auth.refresh(first.refreshToken, 'request 1')).status,
    200,
    'the phone was off for weeks',
  )
  const third = await auth.refresh(second.refreshToken, 'request 2')
  assert.equal(third.status, 200)
  assert.notEqual(third.body.refreshToken, second.refreshToken)
})

test('many of the same request at once are all answered alike', async () => {
  await using auth = await startAuth()
  const { refreshToken } = (await auth.register('ada')).body
  auth.steps.before = together(4, 'replace', 'session')
  const answers = await Promise.all([1, 2, 3, 4].map(() => auth.refresh(refreshToken, 'request 1')))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  assert.equal(new Set(answers.map(({ body }) => body.refreshToken)).size, 1)
})

const thieves: readonly (readonly [string, string | undefined])[] = [
  ['without a client id', undefined],
  ['with a client id of their own', 'request 2'],
]
for (const [name, clientId] of thieves)
  test(`a used token is used up for whoever comes ${name}`, async () => {
    await using auth = await startAuth()
    const first = (await auth.register('ada')).body
    const second = (await auth.refresh(first.refreshToken, 'request 1')).body
    assert.equal((await auth.refresh(first.refreshToken, clientId)).body.code, 'refresh_reused')
    assert.equal((await auth.refresh(second.refreshToken)).body.code, 'refresh_reused')
  })

test('a request can be repeated until the token that it gave is used', async () => {
  await using auth = await startAuth()
  const first = (await auth.register('ada')).body
  const second = (await auth.refresh(first.refreshToken, 'request 1')).body
  const third = (await auth.refresh(second.refreshToken, 'request 2')).body
  assert.equal((await auth.refresh(first.refreshToken, 'request 1')).body.code, 'refresh_reused')
  assert.equal((await auth.refresh(third.refreshToken)).body.code, 'refresh_reused')
})

test('a request is not repeated after a logout', async () => {
  await using auth = await startAuth()
  const first = (await auth.register('ada')).body
  const { accessToken } = (await auth.refresh(first.refreshToken, 'request 1')).body
  await auth.as(accessToken)('POST', '/api/auth/logout')
  assert.equal((await auth.refresh(first.refreshToken, 'request 1')).body.code, 'refresh_expired')
})

for (const what of ['landed', 'lost'] as const)
  test(`a store that does not tell that it ${what} a refresh logs nobody out`, async () => {
    await using auth = await startAuth()
    const { refreshToken } = (await auth.register('ada')).body
    const doubts = [what, what]
    auth.steps.doubt = (access, family) =>
      access === 'replace' && family === 'session' ? doubts.shift() : undefined
    const second = await auth.refresh(refreshToken)
    assert.equal(second.status, 200)
    assert.equal((await auth.refresh(second.body.refreshToken)).status, 200)
  })

test('a store that never tells: unavailable, and with its client id the request is good later', async () => {
  await using auth = await startAuth()
  const { refreshToken } = (await auth.register('ada')).body
  let lands = false
  auth.steps.before = (access, family) => {
    // The write lands, and from then on the store cannot be read.
    if (lands && access === 'get' && family === 'session') throw new ChatError('unavailable')
  }
  auth.steps.doubt = (access, family) => {
    if (access !== 'replace' || family !== 'session') return undefined
    lands = true
    return 'landed'
  }
  assert.equal((await auth.refresh(refreshToken, 'request 1')).status, 503)
  auth.steps.before = goOn
  auth.steps.doubt = noDoubt
  assert.equal((await auth.refresh(refreshToken, 'request 1')).status, 200)
})

test('a made-up token does not end the session whose id it names', async () => {
  await using auth = await startAuth()
  const { refreshToken } = (await auth.register('ada')).body
  const [id = '', secret = ''] = refreshToken.split('.')
  const forged = secret[0] === 'A' ? `B${secret.slice(1)}` : `A${secret.slice(1)}`
  for (const text of [`${id}.${forged}`, `${id}.`, id, 'x', `ses_unknown.${secret}`])
    assert.equal((await auth.refresh(text)).body.code, 'refresh_expired', text)
  assert.equal((await auth.refresh(refreshToken)).status, 200)
})

test('a session lives for 30 days after its last refresh', async () => {
  await using auth = await startAuth()
  const first = (await auth.register('ada')).body
  auth.clock.advance(sessionLifetimeMs - 1_000)
  const second = await auth.refresh(first.refreshToken)
  assert.equal(second.status, 200)
  auth.clock.advance(sessionLifetimeMs - 1_000)
  const third = await auth.refresh(second.body.refreshToken)
  assert.equal(third.status, 200)
  auth.clock.advance(sessionLifetimeMs + 1_000)
  assert.equal((await auth.refresh(third.body.refreshToken)).body.code, 'refresh_expired')
})

test('logout ends the session at once, and may be repeated', async () => {
  await using auth = await startAuth()
  const { user, accessToken, refreshToken } = (await auth.register('ada')).body
  auth.published.length = 0
  assert.equal((await auth.validate(accessToken)).status, 200)
  assert.equal((await auth.as(accessToken)('POST', '/api/auth/logout')).status, 204)
  const [event] = auth.published
  const data = event?.data as { userId: string; sessionIds: string[]; reason: string }
  assert.equal(event?.topic, 'session.revoked')
  assert.deepEqual(
    [data.userId, data.sessionIds, data.reason],
    [user.id, [refreshToken.split('.')[0]], 'logout'],
  )
  assert.equal((await auth.validate(accessToken)).body.code, 'session_revoked')
  assert.equal((await auth.refresh(refreshToken)).body.code, 'refresh_expired')
  assert.equal((await auth.as(accessToken)('GET', '/api/auth/sessions')).body.code, 'session_revoked')
  assert.equal((await auth.as(accessToken)('POST', '/api/auth/logout')).status, 204)
  assert.equal(auth.published.length, 2, 'who got no answer may repeat it, and the event comes again')
})

test('a broker that is away: the session is over, and the event follows', async () => {
  await using auth = await startAuth()
  const { accessToken } = (await auth.register('ada')).body
  auth.published.length = 0
  auth.broker.up = false
  assert.equal((await auth.as(accessToken)('POST', '/api/auth/logout')).status, 204)
  assert.equal((await auth.validate(accessToken)).body.code, 'session_revoked')
  auth.clock.advance(1_000)
  await new Promise(setImmediate)
  assert.equal(auth.published.length, 0)
  auth.broker.up = true
  auth.clock.advance(2_000)
  await new Promise(setImmediate)
  assert.equal(auth.published[0]?.topic, 'session.revoked')
})

test('one may end another of one’s sessions, and nobody else’s', async () => {
  await using auth = await startAuth()
  const phone = (await auth.register('ada')).body
  const laptop = (await auth.login('ada')).body
  const eve = (await auth.register('eve')).body
  const id = phone.refreshToken.split('.')[0]
  assert.equal(
    (await auth.as(eve.accessToken)('DELETE', `/api/auth/sessions/${id}`)).body.code,
    'session_not_found',
  )
  assert.equal((await auth.validate(phone.accessToken)).status, 200)
  assert.equal((await auth.as(laptop.accessToken)('DELETE', `/api/auth/sessions/${id}`)).status, 204)
  assert.equal((await auth.validate(phone.accessToken)).body.code, 'session_revoked')
  const { items } = (await auth.as(laptop.accessToken)('GET', '/api/auth/sessions')).body
  assert.deepEqual(
    items.map((session: { id: string }) => session.id),
    [laptop.refreshToken.split('.')[0]],
  )
})

test('too many sessions: the one that was used longest ago makes room', async () => {
  await using auth = await startAuth()
  const first = (await auth.register('ada')).body
  const second = (await auth.login('ada')).body
  auth.clock.advance(1_000)
  const fresh = await auth.refresh(first.refreshToken)
  for (let i = 2; i <= sessionsPerUser; i++) await auth.login('ada')
  assert.equal((await auth.refresh(second.refreshToken)).body.code, 'refresh_expired')
  assert.equal((await auth.refresh(fresh.body.refreshToken)).status, 200)
  const { items } = (await auth.as(fresh.body.accessToken)('GET', '/api/auth/sessions')).body
  assert.equal(items.length, sessionsPerUser)
})
