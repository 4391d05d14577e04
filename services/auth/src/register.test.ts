import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits, tokens } from '@parley/contracts'
import { ChatError } from '@parley/kit'
import { usernames, users } from './documents.ts'
import { startAuth } from './testing/start-auth.ts'
import { goOn, killBefore, noDoubt, together } from './testing/stubs.ts'

test('who registers is logged in, found, and announced', async () => {
  await using auth = await startAuth()
  const { status, body } = await auth.register('Ada.L', { displayName: ' Ada Lovelace ' })
  assert.equal(status, 201)
  assert.deepEqual(tokens.parse(body), body)
  assert.equal(body.user.username, 'Ada.L')
  assert.equal(body.user.displayName, 'Ada Lovelace')
  assert.equal(body.expiresIn, 900)
  const me = await auth.as(body.accessToken)('GET', '/api/auth/me')
  assert.deepEqual(me.body, body.user)
  const { id, username, displayName } = body.user
  assert.deepEqual(auth.published, [
    { topic: 'user.registered', data: { user: { id, username, displayName } } },
  ])
})

test('a name is taken however it is spelled', async () => {
  await using auth = await startAuth()
  assert.equal((await auth.register('ada')).status, 201)
  const again = await auth.register('ADA')
  assert.equal(again.status, 409)
  assert.equal(again.body.code, 'username_taken')
  assert.equal(again.headers.get('content-type'), 'application/problem+json')
})

test('what is wrong with a body is said by field', async () => {
  await using auth = await startAuth()
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ password: 'correct horse' }, /username/],
    [{ username: 'a', password: 'correct horse' }, /username/],
    [{ username: '.ada', password: 'correct horse' }, /username/],
    [{ username: 'ada', password: 'short' }, /password/],
    [{ username: 'ada', password: 'correct horse', displayName: '  ' }, /displayName/],
  ]
  for (const [body, field] of cases) {
    const answer = await auth.call('POST', '/api/auth/register', body)
    assert.equal(answer.status, 422)
    assert.equal(answer.body.code, 'invalid_body')
    assert.match(answer.body.detail, field)
  }
})

test('of many who register one name at once, exactly one gets it, and nothing of the others stays', async () => {
  await using auth = await startAuth()
  const seen = { create: 0, delete: 0 }
  const race = together(8, 'get', 'username')
  auth.steps.before = (access, family) => {
    if (family === 'user' && (access === 'create' || access === 'delete')) seen[access]++
    return race(access, family)
  }
  const answers = await Promise.all(Array.from({ length: 8 }, () => auth.register('ada')))
  const winners = answers.filter(({ status }) => status === 201)
  assert.equal(winners.length, 1)
  assert.deepEqual([...new Set(answers.map(({ status }) => status))].sort(), [201, 409])
  assert.deepEqual(seen, { create: 8, delete: 7 })
  const owner = await auth.store.get(usernames, 'ada')
  assert.equal(owner?.value.userId, winners[0]?.body.user.id)
})

test('killed before the username is taken: the name is free', async () => {
  await using auth = await startAuth()
  auth.steps.before = killBefore('username')
  assert.equal((await auth.register('ada')).status, 500)
  auth.steps.before = goOn
  assert.equal((await auth.login('ada')).status, 401)
  assert.equal((await auth.register('ada')).status, 201)
})

test('killed between username and index: the login completes the index', async () => {
  await using auth = await startAuth()
  const bob = await auth.register('bob')
  const find = async (query: string) =>
    (await auth.as(bob.body.accessToken)('GET', `/api/users?query=${query}`)).body.items.length
  auth.steps.before = killBefore('find', 'sessions')
  assert.equal((await auth.register('ada')).status, 500)
  auth.steps.before = goOn
  assert.equal(await find('ada'), 0)
  assert.equal((await auth.register('ada')).body.code, 'username_taken')
  assert.equal((await auth.login('ada')).status, 200)
  assert.equal(await find('ada'), 1)
})

test('killed between index and session: the person logs in', async () => {
  await using auth = await startAuth()
  auth.steps.before = killBefore('session')
  assert.equal((await auth.register('ada')).status, 500)
  auth.steps.before = goOn
  const { status, body } = await auth.login('ada')
  assert.equal(status, 200)
  const sessions = await auth.as(body.accessToken)('GET', '/api/auth/sessions')
  assert.equal(sessions.body.items.length, 1, 'the session that never came is not listed')
})

for (const family of ['user', 'username', 'session'])
  for (const what of ['landed', 'lost'] as const)
    test(`a store that does not tell that a write of ${family} ${what}: the person is in all the same`, async () => {
      await using auth = await startAuth()
      const doubts = [what, what]
      auth.steps.doubt = (access, of) => (access === 'create' && of === family ? doubts.shift() : undefined)
      const { status, body } = await auth.register('ada')
      assert.deepEqual([status, doubts.length], [201, 0])
      assert.equal((await auth.store.get(usernames, 'ada'))?.value.userId, body.user.id)
      assert.equal((await auth.refresh(body.refreshToken)).status, 200)
    })

test('a store that never tells whether the name was taken: it is theirs, with their password', async () => {
  await using auth = await startAuth()
  auth.steps.doubt = (access, family) => (access === 'create' && family === 'username' ? 'landed' : undefined)
  let told = 0
  auth.steps.before = (access, family) => {
    if (access === 'create' && family === 'username' && ++told > 1) throw new ChatError('unavailable')
  }
  assert.equal((await auth.register('ada')).status, 503)
  auth.steps.before = goOn
  auth.steps.doubt = noDoubt
  assert.equal((await auth.register('ada')).body.code, 'username_taken')
  assert.equal((await auth.login('ada')).status, 200)
})

test('a broker that is away stops nobody from registering', async () => {
  await using auth = await startAuth()
  auth.broker.up = false
  const { status, body } = await auth.register('ada')
  assert.equal(status, 201)
  assert.equal((await auth.store.get(users, body.user.id))?.value.username, 'ada')
  auth.broker.up = true
  auth.clock.advance(1_000)
  await new Promise(setImmediate)
  assert.equal(auth.published[0]?.topic, 'user.registered')
})

test('registrations are limited by address', async () => {
  await using auth = await startAuth({ rateLimits: true })
  const from = (ip: string, n: number) =>
    auth.call(
      'POST',
      '/api/auth/register',
      { username: `user${n}`, password: 'correct horse' },
      { 'x-forwarded-for': ip },
    )
  for (let n = 0; n < limits.registrationsPerMinute; n++)
    assert.equal((await from('192.0.2.1', n)).status, 201)
  const refused = await from('192.0.2.1', 1_000)
  assert.equal(refused.status, 429)
  assert.equal(refused.body.code, 'rate_limited')
  assert.ok(Number(refused.headers.get('retry-after')) >= 1)
  assert.equal((await from('192.0.2.2', 1_000)).status, 201)
})
