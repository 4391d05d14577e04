import type { SessionId } from '@parley/contracts'
import type { SessionRecord, UserRecord } from './documents.ts'

/**
 * The states of a session:
 *
 *   open ── refresh with the newest token ──▶ open (the token before is used up)
 *   open ── the same request once more ─────▶ open (the same answer; recognized by its client id)
 *   open ── refresh with a used token ──────▶ revoked: refresh_reused
 *   open ── logout, deletion, too many ─────▶ revoked: the reason
 *   open ── password changed elsewhere ─────▶ dead, without a write: its password version is no longer the user's
 *   any  ── 30 days without a refresh ──────▶ gone (the document has expired)
 *
 * There is no grace for a used token: a thief and the owner who race are told apart by nothing else than a client id
 * that was sent with it, and only until the next token is used. A client therefore refreshes once at a time, in all of
 * its tabs together, and keeps the client id until it is answered.
 */
export const sessionLifetimeMs = 30 * 24 * 60 * 60 * 1000
export const sessionsPerUser = 50

export const reusedReason = 'refresh_reused'

/** Decided by both documents, so that a changed password ends all other sessions in the one write that changes it. */
export const isAlive = (session: SessionRecord, user: UserRecord): boolean =>
  session.revoked === undefined &&
  session.userId === user.id &&
  (session.passwordVersion === user.password.version || user.password.changedBy === session.id)

interface Hashes {
  readonly familyHash: string
  readonly secretHash: string
}

/**
 * What a refresh token leads to. `next` is the token that this request is to be answered with: where the session has it
 * already, this very request was done before. `familyHash` tells a used token from a made-up one: session ids are no secrets, and
 * whoever knows one must not be able to end the session with a random string behind it.
 * Hashes are compared plainly: nobody can steer a SHA-256 towards a value letter by letter.
 */
export function judgeRefresh(
  session: SessionRecord | undefined,
  user: UserRecord | undefined,
  presented: Hashes,
  next: Hashes,
): 'rotate' | 'repeat' | 'reused' | 'expired' {
  if (!session || !user || session.familyHash !== presented.familyHash) return 'expired'
  if (session.revoked?.reason === reusedReason) return 'reused'
  if (!isAlive(session, user)) return 'expired'
  if (session.secretHash === presented.secretHash) return 'rotate'
  return session.secretHash === next.secretHash ? 'repeat' : 'reused'
}

/** Adds a session to a user's list; the first of it make room. */
export function withSession(
  ids: readonly SessionId[],
  id: SessionId,
): { ids: SessionId[]; dropped: SessionId[] } {
  if (ids.includes(id)) return { ids: [...ids], dropped: [] }
  const all = [...ids, id]
  const over = Math.max(0, all.length - sessionsPerUser)
  return { ids: all.slice(over), dropped: all.slice(0, over) }
}
