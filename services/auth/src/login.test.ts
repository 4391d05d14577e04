import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@parley/contracts'
import { createPasswords } from './passwords.ts'
import { startAuth } from './testing/start-auth.ts'
import { goOn, together } from './testing/stubs.ts'

test('a login by any spelling of the name opens another session', async () => {
  await using auth = await startAuth()
  const registered = await auth.register('ada')
  const { status, body } = await auth.login(' ＡＤＡ ')
  assert.equal(status, 200)
  assert.deepEqual(body.user, registered.body.user)
  assert.notEqual(body.refreshToken, registered.body.refreshToken)
  const sessions = await auth.as(body.accessToken)('GET', '/api/auth/sessions')
  assert.deepEqual(
    sessions.body.items.map(({ current }: { current: boolean }) => current),
    [true, false],
  )
})

test('a wrong password and an unknown name look the same', async () => {
  await using auth = await startAuth()
  await auth.register('ada')
  const wrong = await auth.login('ada', 'wrong horse')
  assert.equal(wrong.status, 401)
  assert.equal(wrong.body.code, 'bad_credentials')
  for (const name of ['nobody', '', ' ', 'a||b', '\u0000'])
    assert.deepEqual((await auth.login(name, 'wrong horse')).body, wrong.body, JSON.stringify(name))
})

test('a wrong password and an unknown name cost the same: two reads and a hash', async () => {
  const reads: string[] = []
  const hashes: (string | undefined)[] = []
  const right = createPasswords({ algorithm: 2, memoryCost: 8, timeCost: 1, parallelism: 1 })
  await using auth = await startAuth({
    passwords: {
      hash: right.hash,
      verify(stored, password) {
        hashes.push(stored)
        return right.verify(stored, password)
      },
    },
  })
  await auth.register('ada')
  auth.steps.before = (access, family) => void reads.push(`${access} ${family}`)
  await auth.login('ada', 'wrong horse')
  const known = reads.splice(0)
  await auth.login('nobody', 'wrong horse')
  assert.deepEqual(known, ['get username', 'get user'])
  assert.deepEqual(reads, known)
  assert.deepEqual([hashes.length, typeof hashes[0], hashes[1]], [2, 'string', undefined])
})

test('logins are limited by account and address, the right password too', async () => {
  await using auth = await startAuth({ rateLimits: true })
  await auth.register('ada')
  for (let i = 0; i < limits.loginsPerMinute; i++)
    assert.equal((await auth.login('ada', 'wrong')).status, 401)
  const refused = await auth.login('ADA')
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) >= 1)
  const elsewhere = await auth.call(
    'POST',
    '/api/auth/login',
    { username: 'ada', password: 'correct horse' },
    { 'x-forwarded-for': '192.0.2.9' },
  )
  assert.equal(elsewhere.status, 200)
})

test('a new password ends all other sessions in one write, and only those', async () => {
  await using auth = await startAuth()
  const phone = (await auth.register('ada')).body
  const laptop = (await auth.login('ada')).body
  const asLaptop = auth.as(laptop.accessToken)
  const change = (current: string, next: string) => asLaptop('POST', '/api/auth/password', { current, next })

  assert.equal((await change('wrong horse', 'battery staple')).body.code, 'bad_credentials')
  assert.equal((await change('correct horse', 'short')).body.code, 'invalid_body')
  auth.published.length = 0
  assert.equal((await change('correct horse', 'battery staple')).status, 204)

  assert.deepEqual(
    auth.published.map(({ topic }) => topic),
    ['session.revoked'],
  )
  assert.equal((await auth.validate(phone.accessToken)).body.code, 'session_revoked')
  assert.equal((await auth.refresh(phone.refreshToken)).body.code, 'refresh_expired')
  assert.equal((await auth.as(phone.accessToken)('GET', '/api/auth/me')).body.code, 'session_revoked')
  assert.equal((await auth.validate(laptop.accessToken)).status, 200)
  assert.equal((await auth.refresh(laptop.refreshToken)).status, 200)
  assert.equal((await auth.login('ada')).status, 401)
  assert.equal((await auth.login('ada', 'battery staple')).status, 200)
})

test('killed right after the password was written: the other sessions are over all the same', async () => {
  await using auth = await startAuth()
  const phone = (await auth.register('ada')).body
  const laptop = (await auth.login('ada')).body
  let writes = 0
  auth.steps.before = (access) => {
    if (access !== 'get' && ++writes > 1) throw new Error('killed')
  }
  await auth.as(laptop.accessToken)('POST', '/api/auth/password', {
    current: 'correct horse',
    next: 'battery staple',
  })
  auth.steps.before = goOn
  assert.equal((await auth.validate(phone.accessToken)).body.code, 'session_revoked')
  assert.equal((await auth.validate(laptop.accessToken)).status, 200)
})

test('of two who change the password at once, one wins', async () => {
  await using auth = await startAuth()
  const one = (await auth.register('ada')).body
  const two = (await auth.login('ada')).body
  const change = (token: string, next: string) =>
    auth.as(token)('POST', '/api/auth/password', { current: 'correct horse', next })
  auth.steps.before = together(2, 'replace', 'user')
  const answers = await Promise.all([
    change(one.accessToken, 'battery staple'),
    change(two.accessToken, 'stapled battery'),
  ])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 401])
})

test('of two who log in at once, both are listed', async () => {
  await using auth = await startAuth()
  await auth.register('ada')
  auth.steps.before = together(2, 'get', 'sessions')
  const [one] = await Promise.all([auth.login('ada'), auth.login('ada')])
  const { items } = (await auth.as(one.body.accessToken)('GET', '/api/auth/sessions')).body
  assert.equal(items.length, 3)
})
