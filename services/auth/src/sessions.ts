import { type Session, type SessionId, sessionRevoked, type UserId } from '@parley/contracts'
import { ChatError, type Clock, type DocumentStore, newId, type Stored } from '@parley/kit'
import type { Announcer } from './announcer.ts'
import { type SessionRecord, sessionLists, sessions, type UserRecord, users } from './documents.ts'
import {
  formatRefreshToken,
  hashesOf,
  newRefreshToken,
  newSeed,
  nextRefreshToken,
  parseRefreshToken,
  type RefreshToken,
} from './refresh-token.ts'
import {
  isAlive,
  judgeRefresh,
  reusedReason,
  sessionLifetimeMs,
  sessionsPerUser,
  withSession,
} from './sessions-domain.ts'
import { createOnce, pause, update } from './update.ts'

/** A race that was lost is followed by a verdict: more tries are for a store that does not say what it did. */
const refreshAttempts = 8

export interface Opened {
  readonly user: UserRecord
  readonly sessionId: SessionId
  readonly refreshToken: string
}

export type Sessions = ReturnType<typeof createSessions>

export function createSessions(deps: { store: DocumentStore; clock: Clock; announcer: Announcer }) {
  const { store, clock, announcer } = deps
  const now = () => new Date(clock.now()).toISOString()

  /** Listed before it exists: a session that nobody can list could not be ended. */
  async function open(user: UserRecord, device = 'unknown'): Promise<Opened> {
    const id = newId('ses') as SessionId
    let dropped: SessionId[] = []
    await update(deps, sessionLists, user.id, async (list) => {
      const listed = list?.ids ?? []
      const next = withSession(listed.length < sessionsPerUser ? listed : await byLastUse(user), id)
      dropped = next.dropped
      return { ids: next.ids }
    })
    for (const old of dropped) await revoke(user.id, old, 'too_many_sessions')
    const token = newRefreshToken(id)
    const at = now()
    const record: SessionRecord = {
      id,
      userId: user.id,
      device,
      createdAt: at,
      lastUsedAt: at,
      passwordVersion: user.password.version,
      ...hashesOf(token),
      seed: newSeed(),
    }
    await createOnce(deps, sessions, id, record, { expiresAt: clock.now() + sessionLifetimeMs })
    return { user, sessionId: id, refreshToken: formatRefreshToken(token) }
  }

  /**
   * The replace by etag lets one of two that come at once win; the other reads again, finds its token used, and ends
   * the family, unless it is the same request again. After an unknown outcome we read again, too, and find either the
   * old token or our own next one.
   */
  async function refresh(text: string, clientId?: string): Promise<Opened> {
    const presented = parseRefreshToken(text)
    if (!presented) throw new ChatError('refresh_expired')
    const { sessionId } = presented
    let next: RefreshToken | undefined
    for (let attempt = 0; attempt < refreshAttempts; attempt++) {
      await pause(clock, attempt)
      const stored = await store.get(sessions, sessionId)
      const user = stored && (await store.get(users, stored.value.userId))?.value
      if (!stored || !user) throw new ChatError('refresh_expired')
      next ??= nextRefreshToken(presented, stored.value.seed, clientId)
      const verdict = judgeRefresh(stored.value, user, hashesOf(presented), hashesOf(next))
      if (verdict === 'expired') throw new ChatError('refresh_expired')
      if (verdict === 'reused') {
        await revoke(user.id, sessionId, reusedReason)
        throw new ChatError('refresh_reused')
      }
      if (verdict === 'repeat' || (await rotate(stored, next)))
        return { user, sessionId, refreshToken: formatRefreshToken(next) }
    }
    throw new ChatError('unavailable')
  }

  async function rotate({ value, etag }: Stored<SessionRecord>, next: RefreshToken): Promise<boolean> {
    const record = { ...value, ...hashesOf(next), lastUsedAt: now() }
    const expiresAt = clock.now() + sessionLifetimeMs
    return (await store.replace(sessions, value.id, record, etag, { expiresAt })) === 'replaced'
  }

  /**
   * Write, publish, answer. Once more is no harm, and publishes again: so a client that got no answer repeats it.
   * False: the user has no such session.
   */
  async function revoke(userId: UserId, id: SessionId, reason: string): Promise<boolean> {
    const revoked = { at: now(), reason }
    const { after } = await update(deps, sessions, id, (session) =>
      session?.userId === userId && !session.revoked ? { ...session, revoked } : undefined,
    )
    if (after?.userId !== userId) return false
    await announcer.announce(sessionRevoked, {
      userId,
      sessionIds: [id],
      reason: after.revoked?.reason ?? reason,
    })
    return true
  }

  async function alive(user: UserRecord): Promise<SessionRecord[]> {
    const ids = (await store.get(sessionLists, user.id))?.value.ids ?? []
    const found = await store.getMany(sessions, ids)
    return ids.flatMap((id) => found.get(id)?.value ?? []).filter((session) => isAlive(session, user))
  }

  /** Forgets the dead ones, so that they make room first. */
  async function byLastUse(user: UserRecord): Promise<SessionId[]> {
    const sorted = (await alive(user)).sort((a, b) => a.lastUsedAt.localeCompare(b.lastUsedAt))
    return sorted.map(({ id }) => id)
  }

  async function list(user: UserRecord, current: SessionId): Promise<Session[]> {
    return (await alive(user))
      .map(({ id, device, createdAt, lastUsedAt }) => ({
        id,
        device,
        createdAt,
        lastUsedAt,
        current: id === current,
      }))
      .reverse()
  }

  /** Tells that all sessions but this one are over; what ended them is the write of `user` with a new password. */
  async function announceOthers(before: UserRecord, kept: SessionId, reason: string): Promise<void> {
    const sessionIds = (await alive(before)).map(({ id }) => id).filter((id) => id !== kept)
    if (sessionIds.length > 0)
      await announcer.announce(sessionRevoked, { userId: before.id, sessionIds, reason })
  }

  /** The user behind a session that is alive. Throws `session_revoked`. */
  async function userOf(caller: { userId: UserId; sessionId: SessionId }): Promise<UserRecord> {
    const [session, user] = await Promise.all([
      store.get(sessions, caller.sessionId),
      store.get(users, caller.userId),
    ])
    if (!session || !user || !isAlive(session.value, user.value)) throw new ChatError('session_revoked')
    return user.value
  }

  return { open, refresh, revoke, list, announceOthers, userOf }
}
