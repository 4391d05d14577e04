import { refresh, type Tokens, tokens, user } from '@parley/contracts'
import { z } from 'zod'
import { asParleyError, ParleyError } from './errors.ts'
import type { Request } from './http.ts'
import type { Clock, Exclusive, Storage } from './ports.ts'

const saved = tokens.omit({ expiresIn: true }).extend({ user, expiresAt: z.number() })
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

/** Keeps the tokens. A refresh token is single-use: only one refresh at a time, across tabs too. */
export function createSession(deps: {
  request: Request
  storage: Storage
  exclusive: Exclusive
  clock: Clock
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

  function start({ expiresIn, ...rest }: Tokens): SavedSession {
    session = { ...rest, expiresAt: deps.clock.now() + expiresIn * 1000 }
    deps.storage.set(deps.key, JSON.stringify(session))
    return session
  }

  function end(): void {
    session = undefined
    deps.storage.remove(deps.key)
  }

  const usable = (candidate: SavedSession, instead: string | undefined) =>
    candidate.accessToken !== instead && candidate.expiresAt - marginMs > deps.clock.now()

  async function renew(instead: string | undefined): Promise<string> {
    const mine = session
    if (!mine) throw new ParleyError('signed_out', 'There is no session')
    const stored = load()
    if (stored && stored.user.id === mine.user.id && stored.refreshToken !== mine.refreshToken) {
      session = stored
      if (usable(stored, instead)) return stored.accessToken
    }
    const { refreshToken } = session ?? mine
    try {
      const next = await deps.request(refresh, { body: { refreshToken } })
      // Signed out while the answer was on its way.
      if (!session) throw new ParleyError('signed_out', 'There is no session')
      return start(next).accessToken
    } catch (error) {
      const failure = asParleyError(error)
      if (!endings.has(failure.code)) throw failure
      end()
      deps.onEnded(failure.code)
      throw new ParleyError('signed_out', failure.message, { cause: failure })
    }
  }

  return {
    current: () => session,
    start: (next) => void start(next),
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
