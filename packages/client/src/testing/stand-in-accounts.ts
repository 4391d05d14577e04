import type { Tokens, User, UserId } from '@parley/contracts'
import { Refusal } from './faults.ts'

type Account = User & { readonly password: string }

/** What `auth` does, from memory. Refresh tokens are single-use. */
export type Accounts = ReturnType<typeof createAccounts>

export function createAccounts(deps: { now(): string; newId(kind: string): string }) {
  const accounts = new Map<string, Account>()
  const accessTokens = new Map<string, User>()
  const refreshTokens = new Map<string, User>()

  function issue({ password: _, ...user }: User & { password?: string }): Tokens {
    const accessToken = deps.newId('access-')
    const refreshToken = deps.newId('refresh-')
    accessTokens.set(accessToken, user)
    refreshTokens.set(refreshToken, user)
    return { user, accessToken, refreshToken, expiresIn: 900 }
  }

  return {
    register(body: Record<string, unknown>): Tokens {
      const username = String(body.username)
      if (accounts.has(username.toLowerCase())) throw new Refusal('username_taken')
      const account: Account = {
        id: deps.newId('u') as UserId,
        username,
        displayName: String(body.displayName ?? username),
        createdAt: deps.now(),
        password: String(body.password),
      }
      accounts.set(username.toLowerCase(), account)
      return issue(account)
    },
    login(body: Record<string, unknown>): Tokens {
      const account = accounts.get(String(body.username).toLowerCase())
      if (!account || account.password !== body.password) throw new Refusal('bad_credentials')
      return issue(account)
    },
    refresh(token: string): Tokens {
      const user = refreshTokens.get(token)
      if (!user) throw new Refusal('refresh_reused')
      refreshTokens.delete(token)
      return issue(user)
    },
    byToken: (token: string | undefined) => (token === undefined ? undefined : accessTokens.get(token)),
    all: () => [...accounts.values()],
    expireTokens: () => accessTokens.clear(),
  }
}
