import { refresh, type Tokens, tokens, user } from '@parley/contracts'
import { z } from 'zod'
import { asParleyError, ParleyError } from './errors.ts'
import type { Request } from './http.ts'
import type { Clock, Exclusive, Storage } from './ports.ts'

const saved = tokens.omit({ expiresIn: true }).extend({
  user,
  expiresAt: z.number(),
  /** Made when someone signs in: tells two sessions in one storage apart, also of the same person. */
  signIn: z.string(),
  /** Of a refresh that was not answered yet: the same request again is no second use of the token. */
  refreshId: z.string().optional(),
})
/** `expiresAt`: milliseconds since 1970 by the local clock. */
export type SavedSession = z.infer<typeof saved>

/** An access token this close to its end is refreshed before it is used. */
const marginMs = 30_000
const endings: ReadonlySet<string> = new Set([
  'refresh_reused',
  'refresh_expired',
  'session_revoked',
  'token_invalid',
])

export interface Session {
  current(): SavedSession | undefined
  start(tokens: Tokens): void
  /**
   * An access token that is good for a while. `instead` names one that the server refused. Callers at the same time
   * share one refresh. Rejects with `signed_out`, or `network` where the server could not be asked.
   */
  accessToken(options?: { instead?: string }): Promise<string>
  end(): void
}

/**
 * Keeps the tokens. A refresh token is single-use: only one refresh at a time, across tabs too. A tab that has fallen
 * behind takes over what another has refreshed; it neither overwrites nor ends a session that began after its own.
 */
export function createSession(deps: {
  request: Request
  storage: Storage
  exclusive: Exclusive
  clock: Clock
  newId(): string
  key: string
  onEnded(reason: string): void
}): Session {
  let session = load()
  let refreshing: Promise<string> | undefined

  function load(): SavedSession | undefined {
    const text = deps.storage.get(deps.key)
    if (text === undefined) return undefined
    try {
      return saved.parse(JSON.parse(text))
    } catch {
      return undefined
    }
  }

  const dated = ({ expiresIn, ...rest }: Tokens, signIn: string): SavedSession => ({
    ...rest,
    signIn,
    expiresAt: deps.clock.now() + expiresIn * 1000,
  })
  const save = (next: SavedSession) => deps.storage.set(deps.key, JSON.stringify(next))

  function end(): void {
    if (load()?.signIn === session?.signIn) deps.storage.remove(deps.key)
    session = undefined
  }

  const usable = (candidate: SavedSession, instead: string | undefined) =>
    candidate.accessToken !== instead && candidate.expiresAt - marginMs > deps.clock.now()

  async function renew(instead: string | undefined): Promise<string> {
    const stored = load()
    if (session && stored?.user.id === session.user.id) session = stored
    if (!session) throw new ParleyError('signed_out', 'There is no session')
    if (usable(session, instead)) return session.accessToken
    const mine = { ...session, refreshId: session.refreshId ?? deps.newId() }
    session = mine
    // Before it is sent: a tab that is reloaded meanwhile, or another one, asks with the same id.
    if (stored?.signIn === mine.signIn) save(mine)
    try {
      const body = { refreshToken: mine.refreshToken, clientId: mine.refreshId }
      const next = dated(await deps.request(refresh, { body }), mine.signIn)
      if (load()?.signIn === mine.signIn) save(next)
      // Signed out, or in as someone else, while the answer was on its way.
      if (session !== mine) throw new ParleyError('signed_out', 'There is no session')
      session = next
      return next.accessToken
    } catch (error) {
      const failure = asParleyError(error)
      if (session !== mine || !endings.has(failure.code)) throw failure
      end()
      deps.onEnded(failure.code)
      throw new ParleyError('signed_out', failure.message, { cause: failure })
    }
  }

  return {
    current: () => session,
    start(tokens) {
      session = dated(tokens, deps.newId())
      save(session)
    },
    end,
    async accessToken({ instead } = {}) {
      if (!session) throw new ParleyError('signed_out', 'There is no session')
      if (usable(session, instead)) return session.accessToken
      refreshing ??= deps
        .exclusive(deps.key, () => renew(instead))
        .finally(() => {
          refreshing = undefined
        })
      return refreshing
    },
  }
}
