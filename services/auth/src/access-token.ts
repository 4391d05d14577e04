import type { SessionId, UserId } from '@parley/contracts'
import { ChatError, tokenIssuer } from '@parley/kit'
import jwt from 'jsonwebtoken'
import type { SigningKeys } from './keys.ts'

export const accessTokenSeconds = 15 * 60

/** The key goes in as a KeyObject: parsed once, not at each token. */
export async function signAccessToken(
  keys: SigningKeys,
  caller: { userId: UserId; sessionId: SessionId },
  now: number,
): Promise<string> {
  const { kid, key } = await keys.active()
  const iat = Math.floor(now / 1000)
  return jwt.sign({ sid: caller.sessionId, iat, exp: iat + accessTokenSeconds }, key, {
    algorithm: 'ES256',
    keyid: kid,
    issuer: tokenIssuer,
    subject: caller.userId,
  })
}

/** When a token that was verified before expires. */
export function expiryOf(token: string): string {
  const claims = jwt.decode(token)
  if (typeof claims !== 'object' || claims?.exp === undefined) throw new ChatError('token_invalid')
  return new Date(claims.exp * 1000).toISOString()
}
