import { createPublicKey, type KeyObject } from 'node:crypto'
import { type jwks, sessionId, userId } from '@parley/contracts'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { type Clock, systemClock } from './clock.ts'
import { ChatError } from './errors.ts'
import type { Caller } from './http/access.ts'

export type Jwks = z.infer<typeof jwks>

export const tokenIssuer = 'parley'

const claims = z.object({ sub: userId, sid: sessionId, exp: z.number() })

/** Unknown key ids come from anybody; they cause at most one request for the keys in this time. */
const refetchAfterMs = 10_000
/** Verified tokens that are remembered: one ES256 verification costs as much as a whole small request. */
const rememberedTokens = 10_000

/**
 * Verifies access tokens on the spot with the keys of `auth`, which are fetched at the first token and whenever a key
 * id is unknown. Throws ChatError `token_invalid` or `token_expired`; `unavailable` where the keys cannot be had.
 */
export function createTokenVerifier(options: {
  readonly jwks: () => Promise<Jwks>
  readonly clock?: Clock
}): (token: string) => Promise<Caller> {
  const { clock = systemClock } = options
  const remembered = new Map<string, { caller: Caller; expiresAt: number }>()
  let keys = new Map<string, KeyObject>()
  let fetchedAt = Number.NEGATIVE_INFINITY
  let fetching: Promise<void> | undefined

  async function fetchKeys(): Promise<void> {
    const { keys: found } = await options.jwks()
    // A KeyObject: with a raw key jsonwebtoken would parse it at each verification, 50 times slower.
    keys = new Map(found.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]))
    fetchedAt = clock.now()
  }

  async function keyOf(token: string): Promise<KeyObject> {
    const kid = jwt.decode(token, { complete: true })?.header.kid
    if (kid === undefined) throw new ChatError('token_invalid')
    if (!keys.has(kid) && clock.now() - fetchedAt >= refetchAfterMs) {
      fetching ??= fetchKeys().finally(() => {
        fetching = undefined
      })
      await fetching
    }
    const key = keys.get(kid)
    if (key === undefined) throw new ChatError('token_invalid')
    return key
  }

  return async (token) => {
    const known = remembered.get(token)
    if (known !== undefined) {
      if (known.expiresAt > clock.now()) return known.caller
      remembered.delete(token)
      throw new ChatError('token_expired')
    }
    const key = await keyOf(token)
    const { sub, sid, exp } = verify(token, key, clock.now())
    const caller: Caller = { userId: sub, sessionId: sid }
    if (remembered.size >= rememberedTokens) {
      const oldest = remembered.keys().next().value
      if (oldest !== undefined) remembered.delete(oldest)
    }
    remembered.set(token, { caller, expiresAt: exp * 1000 })
    return caller
  }
}

function verify(token: string, key: KeyObject, now: number): z.output<typeof claims> {
  try {
    return claims.parse(
      jwt.verify(token, key, {
        algorithms: ['ES256'],
        issuer: tokenIssuer,
        clockTimestamp: Math.floor(now / 1000),
      }),
    )
  } catch (cause) {
    throw new ChatError(cause instanceof jwt.TokenExpiredError ? 'token_expired' : 'token_invalid', { cause })
  }
}
