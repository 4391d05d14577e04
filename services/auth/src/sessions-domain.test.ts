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
  const newest = { familyHash: 'family', secretHash: 'newest' }
  const used = { familyHash: 'family', secretHash: 'used' }
  const forged = { familyHash: 'other', secretHash: 'newest' }
  const cases: readonly [string, SessionRecord | undefined, UserRecord | undefined, typeof used, string][] = [
    ['newest', session, user, newest, 'rotate'],
    ['used', session, user, used, 'reused'],
    ['forged', session, user, forged, 'expired'],
    ['unknown session', undefined, user, newest, 'expired'],
    ['unknown user', session, undefined, newest, 'expired'],
    ['newest of a family that was reused', revoked('refresh_reused'), user, newest, 'reused'],
    ['forged, of a family that was reused', revoked('refresh_reused'), user, forged, 'expired'],
    ['logged out', revoked('logout'), user, newest, 'expired'],
    ['used, logged out', revoked('logout'), user, used, 'expired'],
    ['password changed elsewhere', session, changedBy('s2'), newest, 'expired'],
    ['used, password changed elsewhere', session, changedBy('s2'), used, 'expired'],
    ['password changed here', session, changedBy('s1'), newest, 'rotate'],
  ]
  for (const [name, one, of, presented, verdict] of cases)
    assert.equal(judgeRefresh(one, of, presented), verdict, name)
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
