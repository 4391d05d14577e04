import * as contracts from '@parley/contracts'
import { ChatError, type HttpApp, handle } from '@parley/kit'
import { accessTokenSeconds, expiryOf, signAccessToken } from './access-token.ts'
import { userOf } from './accounts.ts'
import type { AuthParts } from './app.ts'
import type { Opened } from './sessions.ts'

export function mountAccountRoutes(http: HttpApp, parts: AuthParts): void {
  const { accounts, sessions, keys, rates, clock } = parts

  async function tokensOf({ user, sessionId, refreshToken }: Opened): Promise<contracts.Tokens> {
    const accessToken = await signAccessToken(keys, { userId: user.id, sessionId }, clock.now())
    return { user: userOf(user), accessToken, refreshToken, expiresIn: accessTokenSeconds }
  }

  handle(http, contracts.register, async ({ body, ip }) => {
    await rates.registration(ip)
    return { status: 201, body: await tokensOf(await accounts.register(body)) }
  })
  handle(http, contracts.login, async ({ body, ip }) => {
    await rates.login(body.username, ip)
    return { status: 200, body: await tokensOf(await accounts.login(body)) }
  })
  handle(http, contracts.refresh, async ({ body }) => ({
    status: 200,
    body: await tokensOf(await sessions.refresh(body.refreshToken, body.clientId)),
  }))
  handle(http, contracts.logout, async ({ caller }) => {
    await sessions.revoke(caller.userId, caller.sessionId, 'logout')
    return { status: 204 }
  })
  // The present password can be guessed here as at login, by whoever holds an access token: the same limit.
  handle(http, contracts.changePassword, async ({ body, caller, ip }) => {
    await rates.login(`password of ${caller.userId}`, ip)
    await accounts.changePassword(caller, body.current, body.next)
    return { status: 204 }
  })
  handle(http, contracts.getMe, async ({ caller }) => ({
    status: 200,
    body: userOf(await sessions.userOf(caller)),
  }))
  handle(http, contracts.updateMe, async ({ body, caller }) => ({
    status: 200,
    body: userOf(await accounts.rename(caller, body.displayName)),
  }))
  handle(http, contracts.listSessions, async ({ caller }) => {
    const user = await sessions.userOf(caller)
    return { status: 200, body: { items: await sessions.list(user, caller.sessionId) } }
  })
  handle(http, contracts.deleteSession, async ({ params, caller }) => {
    await sessions.userOf(caller)
    if (!(await sessions.revoke(caller.userId, params.sessionId, 'deleted')))
      throw new ChatError('session_not_found')
    return { status: 204 }
  })
}

export function mountUserRoutes(http: HttpApp, { users }: AuthParts): void {
  handle(http, contracts.getUser, async ({ params }) => ({
    status: 200,
    body: await users.get(params.userId),
  }))
  handle(http, contracts.findUsers, async ({ query }) => ({
    status: 200,
    body: { items: await users.find(query.query, query.limit) },
  }))
  handle(http, contracts.lookUpUsers, async ({ body }) => ({
    status: 200,
    body: { items: await users.lookUp(body.userIds) },
  }))
}

export function mountTrustRoutes(http: HttpApp, parts: AuthParts): void {
  const { keys, sessions, verifyToken, systemReadiness } = parts

  handle(http, contracts.getJwks, async () => ({ status: 200, body: await keys.jwks() }))
  handle(http, contracts.rotateKeys, async ({ logger }) => {
    const kid = await keys.rotate()
    logger.info({ kid }, 'signing with a new key')
    return { status: 200, body: { kid } }
  })
  handle(http, contracts.validateSession, async ({ body }) => {
    const caller = await verifyToken(body.token)
    await sessions.userOf(caller)
    return { status: 200, body: { ...caller, expiresAt: expiryOf(body.token) } }
  })
  handle(http, contracts.getSystemReadiness, async () => {
    const body = await systemReadiness()
    return body.ready ? { status: 200, body } : { status: 503, body }
  })
}
