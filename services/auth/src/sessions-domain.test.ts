import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionId, UserId } from '@parley/contracts'
import type { SessionRecord, UserRecord } from './documents.ts'
import { isAlive, judgeRefresh, sessionsPerUser, withSession } from './sessions-domain.ts'

const at = '2026-01-01T00:00:00.000Z'
const id = (text: string) => text as SessionId
const user: UserRecord = {
  id: 'u1' as UserId,
  username: 'ada',
  displayName: 'Ada',
  createdAt: at,
  password: { hash: '', version: 2 },
}
const session: SessionRecord = {
  id: id('s1'),
  userId: user.id,
  device: 'test',
  createdAt: at,
  lastUsedAt: at,
  passwordVersion: 2,
  familyHash: 'family',
  secretHash: 'newest',
  seed: 'seed',
}
const changedBy = (by: string): UserRecord => ({
  ...user,
  password: { hash: '', version: 3, changedBy: id(by) },
})
const revoked = (reason: string): SessionRecord => ({ ...session, revoked: { at, reason } })

test('a session is alive while it is not revoked and its password is the present one', () => {
  const cases: readonly [string, SessionRecord, UserRecord, boolean][] = [
    ['open', session, user, true],
    ['revoked', revoked('logout'), user, false],
    ['of someone else', session, { ...user, id: 'u2' as UserId }, false],
    ['password changed by another session', session, changedBy('s2'), false],
    ['password changed by this session', session, changedBy('s1'), true],
    ['revoked, though it changed the password', revoked('logout'), changedBy('s1'), false],
  ]
  for (const [name, one, of, alive] of cases) assert.equal(isAlive(one, of), alive, name)
})

test('what a refresh token leads to', () => {
  const of = (secretHash: string, familyHash = 'family') => ({ secretHash, familyHash })
  /** The present token, with what would follow it. */
  const newest = [of('newest'), of('after')] as const
  const used = [of('used'), of('another')] as const
  /** The present token is what this request was answered with before. */
  const again = [of('used'), of('newest')] as const
  const forged = [of('newest', 'other'), of('newest', 'other')] as const
  const reused = revoked('refresh_reused')
  const loggedOut = revoked('logout')
  const cases: readonly (readonly [
    string,
    SessionRecord | undefined,
    UserRecord | undefined,
    typeof used,
    string,
  ])[] = [
    ['newest', session, user, newest, 'rotate'],
    ['used', session, user, used, 'reused'],
    ['the same request again', session, user, again, 'repeat'],
    ['forged', session, user, forged, 'expired'],
    ['unknown session', undefined, user, newest, 'expired'],
    ['unknown user', session, undefined, newest, 'expired'],
    ['newest of a family that was reused', reused, user, newest, 'reused'],
    ['the same request again, of a family that was reused', reused, user, again, 'reused'],
    ['forged, of a family that was reused', reused, user, forged, 'expired'],
    ['logged out', loggedOut, user, newest, 'expired'],
    ['used, logged out', loggedOut, user, used, 'expired'],
    ['the same request again, logged out', loggedOut, user, again, 'expired'],
    ['password changed elsewhere', session, changedBy('s2'), newest, 'expired'],
    ['used, password changed elsewhere', session, changedBy('s2'), used, 'expired'],
    ['the same request again, password changed elsewhere', session, changedBy('s2'), again, 'expired'],
    ['password changed here', session, changedBy('s1'), newest, 'rotate'],
  ]
  for (const [name, one, owner, [presented, next], verdict] of cases)
    assert.equal(judgeRefresh(one, owner, presented, next), verdict, name)
})

test('the oldest sessions make room', () => {
  assert.deepEqual(withSession([id('a')], id('b')), { ids: ['a', 'b'], dropped: [] })
  assert.deepEqual(withSession([id('a')], id('a')), { ids: ['a'], dropped: [] })
  const full = Array.from({ length: sessionsPerUser }, (_, i) => id(`s${i}`))
  const next = withSession(full, id('new'))
  assert.deepEqual(next.dropped, ['s0'])
  assert.equal(next.ids.length, sessionsPerUser)
  assert.equal(next.ids.at(-1), 'new')
})
