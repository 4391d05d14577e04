import { type PublicUser, type User, type UserId, userRegistered, userUpdated } from '@parley/contracts'
import { ChatError, type Clock, type DocumentStore, type Logger, newId } from '@parley/kit'
import type { Announcer } from './announcer.ts'
import { type UserRecord, usernames, users } from './documents.ts'
import { normalizeName } from './names.ts'
import type { Passwords } from './passwords.ts'
import type { UserIndex } from './search/user-index.ts'
import type { Opened, Sessions } from './sessions.ts'
import { createOnce, update } from './update.ts'

export const publicUserOf = ({ id, username, displayName }: UserRecord): PublicUser => ({
  id,
  username,
  displayName,
})
export const userOf = (user: UserRecord): User => ({ ...publicUserOf(user), createdAt: user.createdAt })

/** A well-formed key that no user has: reading it costs what reading a user costs. */
const nobody = 'nobody'

interface Deps {
  readonly store: DocumentStore
  readonly clock: Clock
  readonly logger: Logger
  readonly passwords: Passwords
  readonly sessions: Sessions
  readonly index: UserIndex
  readonly announcer: Announcer
}

export type Accounts = ReturnType<typeof createAccounts>

export function createAccounts(deps: Deps) {
  const { store, clock, logger, passwords, sessions, index, announcer } = deps

  /**
   * user → username → (search index, session, event), each a write of its own. Taking the username is the commit:
   * - killed before it: a user without a name, which nobody can reach; the name is free, the person tries again;
   * - killed after it: the person is told that the name is taken, logs in, and that completes the index.
   * A username without its user cannot be: the name is asked for only once the user is confirmed, and a user is
   * deleted only when its name is confirmed to belong to another, for ever.
   */
  async function register(input: {
    username: string
    password: string
    displayName?: string | undefined
    device?: string | undefined
  }): Promise<Opened> {
    const name = encodeURIComponent(normalizeName(input.username))
    // Not what decides: it spares a hash.
    if (await store.get(usernames, name)) throw new ChatError('username_taken')
    const user: UserRecord = {
      id: newId('usr') as UserId,
      username: input.username,
      displayName: input.displayName ?? input.username,
      createdAt: new Date(clock.now()).toISOString(),
      password: { hash: await passwords.hash(input.password), version: 1 },
    }
    await createOnce(deps, users, user.id, user)
    // Throws where it stays unknown: the name may still be taken for this user, who therefore has to stay.
    const named = await createOnce(deps, usernames, name, { userId: user.id })
    if (named.outcome === 'exists') {
      await store
        .delete(users, user.id)
        .catch((error: unknown) => logger.warn({ err: error }, 'a user is left over'))
      throw new ChatError('username_taken')
    }
    const [opened] = await Promise.all([
      sessions.open(user, input.device),
      completeIndex(user),
      announcer.announce(userRegistered, { user: publicUserOf(user) }),
    ])
    return opened
  }

  /** Whoever has a name and a password may come in, even while search is behind: the next login tries again. */
  const completeIndex = (user: UserRecord): Promise<void> =>
    index
      .add(user)
      .catch((error: unknown) => logger.warn({ err: error, userId: user.id }, 'not in the search index'))

  /** An unknown name costs two reads and one hash, as a known one does, and answers the same. */
  async function login(input: {
    username: string
    password: string
    device?: string | undefined
  }): Promise<Opened> {
    const name = encodeURIComponent(normalizeName(input.username) || nobody)
    const owner = await store.get(usernames, name)
    const user = (await store.get(users, owner?.value.userId ?? nobody))?.value
    const right = await passwords.verify(user?.password.hash, input.password)
    if (!user || !right) throw new ChatError('bad_credentials')
    const [opened] = await Promise.all([sessions.open(user, input.device), completeIndex(user)])
    return opened
  }

  /**
   * The one write of the user ends all other sessions: they were opened under an older version. Someone who changes
   * it at the same time makes the version another, and then the password that was checked is no longer the present one.
   */
  async function changePassword(caller: Caller, current: string, next: string): Promise<void> {
    const before = await sessions.userOf(caller)
    if (!(await passwords.verify(before.password.hash, current))) throw new ChatError('bad_credentials')
    const hash = await passwords.hash(next)
    await update(deps, users, before.id, (user) => {
      if (user?.password.version !== before.password.version) throw new ChatError('bad_credentials')
      return { ...user, password: { hash, version: user.password.version + 1, changedBy: caller.sessionId } }
    })
    await sessions.announceOthers(before, caller.sessionId, 'password_changed')
  }

  /**
   * The user first, then the index: until that is done, the new name is not found, and the old one is found but
   * dropped by the check of each hit. Two renames at once may undo each other's entries; so whoever comes to the end
   * looks whether the name is still the one that it indexed.
   */
  async function rename(caller: Caller, displayName: string): Promise<UserRecord> {
    await sessions.userOf(caller)
    const { before, after } = await update(deps, users, caller.userId, (user) =>
      user && user.displayName !== displayName ? { ...user, displayName } : undefined,
    )
    if (!before || !after) throw new ChatError('session_revoked')
    if (before === after) return after
    await index
      .rename(before, after)
      .catch((error: unknown) => logger.warn({ err: error, userId: after.id }, 'not in the search index'))
    const latest = await store.get(users, after.id)
    if (latest && latest.value.displayName !== displayName) await completeIndex(latest.value)
    await announcer.announce(userUpdated, { user: publicUserOf(after) })
    return after
  }

  return { register, login, changePassword, rename }
}

type Caller = Parameters<Sessions['userOf']>[0]
