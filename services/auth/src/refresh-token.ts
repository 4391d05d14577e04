import { createHash, createHmac, randomBytes } from 'node:crypto'
import { type SessionId, sessionId } from '@parley/contracts'

/**
 * `<sessionId>.<family><secret>`: 128 random bits that all tokens of a session share, and 256 of this one alone.
 * Only hashes are kept. Fast hashes do: what is random cannot be guessed, unlike a password.
 */
const familyBytes = 16
const secretBytes = 32

export interface RefreshToken {
  readonly sessionId: SessionId
  readonly family: Buffer
  readonly secret: Buffer
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('base64url')

export const newRefreshToken = (id: SessionId): RefreshToken => ({
  sessionId: id,
  family: randomBytes(familyBytes),
  secret: randomBytes(secretBytes),
})

/** What only the server knows of a session, for `nextRefreshToken`. */
export const newSeed = (): string => randomBytes(secretBytes).toString('base64url')

/**
 * The token after this one. With a client id it is always the same, so that a request whose answer was lost can be
 * repeated: made from what only the client has (the token and the id) and what only the server has (the seed), it is
 * derived by neither a thief of the token nor a reader of the store.
 */
export const nextRefreshToken = (
  token: RefreshToken,
  seed: string,
  clientId: string | undefined,
): RefreshToken => ({
  ...token,
  secret:
    clientId === undefined
      ? randomBytes(secretBytes)
      : createHmac('sha256', seed).update(token.secret).update(clientId).digest(),
})

export const formatRefreshToken = (token: RefreshToken): string =>
  `${token.sessionId}.${Buffer.concat([token.family, token.secret]).toString('base64url')}`

export function parseRefreshToken(text: string): RefreshToken | undefined {
  const dot = text.indexOf('.')
  const id = sessionId.safeParse(text.slice(0, Math.max(0, dot)))
  const bytes = Buffer.from(text.slice(dot + 1), 'base64url')
  if (!id.success || bytes.length !== familyBytes + secretBytes) return undefined
  return { sessionId: id.data, family: bytes.subarray(0, familyBytes), secret: bytes.subarray(familyBytes) }
}

export const hashesOf = (token: RefreshToken) => ({
  familyHash: sha256(token.family),
  secretHash: sha256(token.secret),
})
