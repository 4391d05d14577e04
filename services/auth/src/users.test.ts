import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAuth } from './testing/start-auth.ts'
import { goOn, killBefore } from './testing/stubs.ts'

type Auth = Awaited<ReturnType<typeof startAuth>>

async function people(auth: Auth, names: readonly [string, string][]) {
  const found: Record<string, string> = {}
  let token = ''
  for (const [username, displayName] of names) {
    const { body } = await auth.register(username, { displayName })
    found[username] = body.user.id
    token = body.accessToken
  }
  const as = auth.as(token)
  const find = async (query: string, limit = 20) =>
    (await as('GET', `/api/users?query=${encodeURIComponent(query)}&limit=${limit}`)).body.items.map(
      ({ username }: { username: string }) => username,
    )
  return { ids: found, as, find }
}

test('people are found by the beginning of a name, in any case', async () => {
  await using auth = await startAuth()
  const { find } = await people(auth, [
    ['ada', 'Ada Lovelace'],
    ['grace', 'Grace Hopper'],
    ['gracie', 'Allen'],
    ['x9', '李小龍'],
  ])
  const cases: readonly [string, readonly string[]][] = [
    ['ad', ['ada']],
    ['LOVE', ['ada']],
    ['Ada  L', ['ada']],
    ['gr', ['grace', 'gracie']],
    ['graci', ['gracie']],
    ['李小', ['x9']],
    ['race', []],
    ['zz', []],
  ]
  for (const [query, expected] of cases) assert.deepEqual(await find(query), expected, query)
  assert.deepEqual(await find('gr', 1), ['grace'])
})

test('a query of less than two letters is refused by name', async () => {
  await using auth = await startAuth()
  const { as } = await people(auth, [['ada', 'Ada']])
  for (const query of [
    '',
    '?query=',
    '?query=a',
    '?query=%20%20a',
    '?query=ada&limit=0',
    '?query=ada&limit=51',
  ]) {
    const { status, body } = await as('GET', `/api/users${query}`)
    assert.equal(status, 422, query)
    assert.match(body.detail, /query|limit/)
  }
})

test('who takes another name is found by it and no longer by the one before', async () => {
  await using auth = await startAuth()
  const { as, find, ids } = await people(auth, [['ada', 'Ada Byron']])
  auth.published.length = 0
  const { status, body } = await as('PATCH', '/api/auth/me', { displayName: 'Ada Lovelace' })
  assert.equal(status, 200)
  assert.equal(body.displayName, 'Ada Lovelace')
  assert.deepEqual(auth.published, [
    { topic: 'user.updated', data: { user: { id: ids.ada, username: 'ada', displayName: 'Ada Lovelace' } } },
  ])
  assert.deepEqual(await find('byron'), [])
  assert.deepEqual(await find('lovelace'), ['ada'])
  assert.deepEqual(await find('ada'), ['ada'])
  await as('PATCH', '/api/auth/me', { displayName: 'Ada Lovelace' })
  assert.equal(auth.published.length, 1, 'nothing has changed')
})

test('killed in the middle of a rename: the old name finds nobody, the login repairs the new one', async () => {
  await using auth = await startAuth()
  const { as, find } = await people(auth, [['ada', 'Ada Byron']])
  auth.steps.before = killBefore('find')
  assert.equal((await as('PATCH', '/api/auth/me', { displayName: 'Ada Lovelace' })).status, 200)
  auth.steps.before = goOn
  assert.deepEqual(await find('byron'), [])
  assert.deepEqual(await find('lovelace'), [])
  await auth.login('ada')
  assert.deepEqual(await find('lovelace'), ['ada'])
})

test('a rename that another one overtakes does not take the newer name away', async () => {
  await using auth = await startAuth()
  const { as, find } = await people(auth, [['ada', 'Ada Byron']])
  const rename = (displayName: string) => as('PATCH', '/api/auth/me', { displayName })
  let back: Promise<unknown> | undefined
  let indexed = 0
  auth.steps.before = async (access, family) => {
    // The first rename has put its two new entries; before it takes the old ones away, the name changes back.
    if (access !== 'replace' || family !== 'find' || ++indexed !== 1) return
    back = rename('Ada Byron')
    await back
  }
  await rename('Wanda Lovelace')
  assert.ok(back)
  assert.equal((await as('GET', '/api/auth/me')).body.displayName, 'Ada Byron')
  assert.deepEqual(await find('byron'), ['ada'])
  assert.deepEqual(await find('wanda'), [])
})

test('a profile, and many of them for other services', async () => {
  await using auth = await startAuth()
  const { as, ids } = await people(auth, [
    ['ada', 'Ada'],
    ['bob', 'Bob'],
  ])
  assert.deepEqual((await as('GET', `/api/users/${ids.ada}`)).body, {
    id: ids.ada,
    username: 'ada',
    displayName: 'Ada',
  })
  assert.equal((await as('GET', '/api/users/usr_unknown')).body.code, 'user_not_found')
  const lookUp = (caller: string) =>
    auth.call(
      'POST',
      '/internal/users/look-up',
      { userIds: [ids.bob, 'usr_unknown', ids.ada, ids.bob] },
      { 'dapr-caller-app-id': caller },
    )
  assert.deepEqual(
    (await lookUp('messages')).body.items.map(({ username }: { username: string }) => username).sort(),
    ['ada', 'bob'],
  )
  assert.equal((await lookUp('gateway')).status, 403)
})
