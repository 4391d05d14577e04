import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tokens, UserId } from '@parley/contracts'
import { ParleyError } from './errors.ts'
import type { Request } from './http.ts'
import { memoryStorage, type Storage } from './ports.ts'
import { createSession } from './session.ts'
import { manualClock } from './testing/clock.ts'

const tokensOf = (name: string, turn: number): Tokens => ({
  user: { id: name as UserId, username: name, displayName: name, createdAt: '2026-01-01T00:00:00.000Z' },
  accessToken: `access-${name}-${turn}`,
  refreshToken: `refresh-${name}-${turn}`,
  expiresIn: 900,
})

/** A tab; its refreshes are answered by hand, in the order in which they were asked. */
function openTab(storage: Storage, clock = manualClock()) {
  const asked: {
    token: string
    clientId: string
    answer(tokens: Tokens): void
    fail(error: ParleyError): void
  }[] = []
  const endings: string[] = []
  let ids = 0
  const session = createSession({
    storage,
    clock,
    exclusive: (_, task) => task(),
    newId: () => `sign-in-${Math.random()}-${++ids}`,
    key: 'session',
    request: ((_route: unknown, { body }: { body: { refreshToken: string; clientId: string } }) =>
      new Promise((answer, fail) => {
        asked.push({ token: body.refreshToken, clientId: body.clientId, answer, fail })
      })) as unknown as Request,
    onEnded: (reason) => endings.push(reason),
  })
  return { session, asked, endings, clock }
}

test('a token is used until shortly before its end, then refreshed once for all who ask', async () => {
  const { session, asked, clock } = openTab(memoryStorage())
  session.start(tokensOf('ada', 1))
  assert.equal(await session.accessToken(), 'access-ada-1')
  clock.advance(871_000)
  const both = Promise.all([session.accessToken(), session.accessToken()])
  asked[0]?.answer(tokensOf('ada', 2))
  assert.deepEqual(await both, ['access-ada-2', 'access-ada-2'])
  assert.equal(asked.length, 1)
})

test('a clock that was set back keeps an old token for valid: the server says so, and it is replaced', async () => {
  const { session, asked, clock } = openTab(memoryStorage())
  session.start(tokensOf('ada', 1))
  clock.jump(-3_600_000)
  clock.advance(1_000_000)
  assert.equal(await session.accessToken(), 'access-ada-1')
  const fresh = session.accessToken({ instead: 'access-ada-1' })
  asked[0]?.answer(tokensOf('ada', 2))
  assert.equal(await fresh, 'access-ada-2')
})

test('what another tab has refreshed is taken over, not refreshed again', async () => {
  const storage = memoryStorage()
  const first = openTab(storage)
  first.session.start(tokensOf('ada', 1))
  const second = openTab(storage)
  const fresh = first.session.accessToken({ instead: 'access-ada-1' })
  first.asked[0]?.answer(tokensOf('ada', 2))
  await fresh
  assert.equal(await second.session.accessToken({ instead: 'access-ada-1' }), 'access-ada-2')
  assert.equal(second.asked.length, 0)
})

test('a tab that is behind ends its own session, not the one that another tab began since', async () => {
  const storage = memoryStorage()
  const first = openTab(storage)
  first.session.start(tokensOf('ada', 1))
  const second = openTab(storage)
  second.session.start(tokensOf('bob', 1))
  const late = first.session.accessToken({ instead: 'access-ada-1' })
  first.asked[0]?.fail(new ParleyError('refresh_expired', ''))
  await assert.rejects(late, (error) => (error as ParleyError).code === 'signed_out')
  assert.deepEqual(first.endings, ['refresh_expired'])
  assert.equal(openTab(storage).session.current()?.user.id, 'bob')
})

test('a refresh that succeeds late does not overwrite the session that another tab began since', async () => {
  const storage = memoryStorage()
  const first = openTab(storage)
  first.session.start(tokensOf('ada', 1))
  const late = first.session.accessToken({ instead: 'access-ada-1' })
  openTab(storage).session.start(tokensOf('bob', 1))
  first.asked[0]?.answer(tokensOf('ada', 2))
  assert.equal(await late, 'access-ada-2')
  assert.equal(openTab(storage).session.current()?.user.id, 'bob')
})

test('signed out while a refresh was under way: its answer brings nothing back', async () => {
  const storage = memoryStorage()
  const { session, asked } = openTab(storage)
  session.start(tokensOf('ada', 1))
  const late = session.accessToken({ instead: 'access-ada-1' })
  session.end()
  asked[0]?.answer(tokensOf('ada', 2))
  await assert.rejects(late, (error) => (error as ParleyError).code === 'signed_out')
  assert.equal(session.current(), undefined)
  assert.deepEqual(storage.keys(''), [])
})

test('no answer ends nothing: the same request is sent again, after a reload too', async () => {
  const storage = memoryStorage()
  const { session, asked, endings } = openTab(storage)
  session.start(tokensOf('ada', 1))
  const first = session.accessToken({ instead: 'access-ada-1' })
  asked[0]?.fail(new ParleyError('network', ''))
  await assert.rejects(first, (error) => (error as ParleyError).code === 'network')
  const second = session.accessToken({ instead: 'access-ada-1' })
  asked[1]?.fail(new ParleyError('unavailable', ''))
  await assert.rejects(second, (error) => (error as ParleyError).code === 'unavailable')
  const reloaded = openTab(storage)
  const third = reloaded.session.accessToken({ instead: 'access-ada-1' })
  const requests = [...asked, ...reloaded.asked].map(({ token, clientId }) => [token, clientId])
  assert.deepEqual(requests, Array(3).fill(['refresh-ada-1', asked[0]?.clientId]))
  reloaded.asked[0]?.answer(tokensOf('ada', 2))
  assert.equal(await third, 'access-ada-2')
  const next = reloaded.session.accessToken({ instead: 'access-ada-2' })
  assert.notEqual(reloaded.asked[1]?.clientId, asked[0]?.clientId)
  reloaded.asked[1]?.answer(tokensOf('ada', 3))
  await next
  assert.deepEqual(endings, [])
})
