import { displayName, sessionId, timestamp, userId } from '@parley/contracts'
import { defineFamily } from '@parley/kit'
import { z } from 'zod'
import { node } from './search/tree.ts'

/**
 * What auth keeps, in `auth-store`. No two documents are ever written as one: each use case has an order of single
 * writes in which a crash between any two leaves something that is true, or that nobody can reach.
 */

/**
 * `user:<id>`. Created before its username is taken, so whoever finds a username finds its user. A user without a
 * username (the process died between the two, or lost the race for the name) has no way in: logging in and searching
 * both begin with a name.
 */
export const userRecord = z.object({
  id: userId,
  username: z.string(),
  displayName,
  createdAt: timestamp,
  password: z.object({
    /** PHC string of argon2id. */
    hash: z.string(),
    /** Grows with each change: a session opened under an older password is dead. */
    version: z.number().int(),
    /** The session that changed it last, which lives on. */
    changedBy: sessionId.optional(),
  }),
})
export type UserRecord = z.infer<typeof userRecord>
export const users = defineFamily({ prefix: 'user', mode: 'versioned', schema: userRecord, expires: false })

/** `username:<normalized>`. Its creation is the moment in which a user comes to be. Never changed, never deleted. */
export const usernames = defineFamily({
  prefix: 'username',
  mode: 'log',
  schema: z.object({ userId }),
  expires: false,
})

/**
 * `session:<id>`. One family of refresh tokens: each refresh replaces `secretHash`, so exactly one token is good.
 * Ended sessions stay until they would have expired, so that a late token is told apart from an unknown one.
 */
export const sessionRecord = z.object({
  id: sessionId,
  userId,
  device: z.string(),
  createdAt: timestamp,
  lastUsedAt: timestamp,
  passwordVersion: z.number().int(),
  familyHash: z.string(),
  secretHash: z.string(),
  /** Never leaves auth: see `nextRefreshToken`. */
  seed: z.string(),
  revoked: z.object({ at: timestamp, reason: z.string() }).optional(),
})
export type SessionRecord = z.infer<typeof sessionRecord>
export const sessions = defineFamily({
  prefix: 'session',
  mode: 'versioned',
  schema: sessionRecord,
  expires: true,
})

/** `sessions:<user>`. Written before the session is, so no session is ever missing; it may name one that never came. */
export const sessionLists = defineFamily({
  prefix: 'sessions',
  mode: 'versioned',
  schema: z.object({ ids: z.array(sessionId) }),
  expires: false,
})

/** `find:<prefix>`: the search tree. A hint: every hit is checked against its user. */
export const searchNodes = defineFamily({ prefix: 'find', mode: 'versioned', schema: node, expires: false })

const jwk = z.looseObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() })

/**
 * `keys:signing`. Whoever reads it can sign access tokens for everyone, so it is worth more than the password hashes
 * beside it. What protects it is what protects those: the component is scoped to auth, the database's own login and
 * disk encryption. It is not encrypted with a key of ours, as that key would have to lie beside the database's
 * password: who gets one has the other. A leak is healed by two rotations, see `keys.ts`.
 */
export const signingKeys = defineFamily({
  prefix: 'keys',
  mode: 'versioned',
  schema: z.object({
    active: z.object({ kid: z.string(), createdAt: timestamp, privateJwk: jwk.extend({ d: z.string() }) }),
    /** Public halves that still verify: tokens that they signed have not all expired. */
    previous: z.array(z.object({ kid: z.string(), retiredAt: timestamp, publicJwk: jwk })),
  }),
  expires: false,
})
