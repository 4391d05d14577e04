import { z } from 'zod'
import { displayName, publicUser, session, user } from '../entities.ts'
import { clientId, sessionId, timestamp, userId } from '../ids.ts'
import { defineRoute } from '../route.ts'

export const username = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$/,
    'must be 2 to 32 letters, digits, ., _ or -, and start with a letter or digit',
  )
export const password = z.string().min(8, 'must have at least 8 characters').max(200)

/** `expiresIn`: seconds until the access token expires. */
export const tokens = z.object({
  user,
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresIn: z.number().int(),
})
export type Tokens = z.infer<typeof tokens>

export const jwks = z.object({ keys: z.array(z.looseObject({ kid: z.string(), kty: z.string() })) })

export const register = defineRoute({
  id: 'register',
  app: 'auth',
  method: 'POST',
  path: '/api/auth/register',
  access: 'public',
  summary: 'Create a user and log in.',
  body: z.object({
    username,
    password,
    displayName: displayName.optional(),
    device: z.string().max(120).optional(),
  }),
  answers: { 201: tokens },
  errors: ['username_taken', 'rate_limited', 'overloaded', 'unavailable'],
})

export const login = defineRoute({
  id: 'login',
  app: 'auth',
  method: 'POST',
  path: '/api/auth/login',
  access: 'public',
  summary: 'Log in with a password.',
  body: z.object({
    username: z.string().max(64),
    password: z.string().max(200),
    totp: z.string().max(16).optional(),
    device: z.string().max(120).optional(),
  }),
  answers: { 200: tokens },
  errors: ['bad_credentials', 'totp_required', 'rate_limited', 'overloaded', 'unavailable'],
})

export const refresh = defineRoute({
  id: 'refresh',
  app: 'auth',
  method: 'POST',
  path: '/api/auth/refresh',
  access: 'public',
  summary:
    'Trade a refresh token for a new pair. Used twice, it ends the session; but with the same random clientId it may be sent again until it is answered.',
  body: z.object({ refreshToken: z.string().max(512), clientId: clientId.optional() }),
  answers: { 200: tokens },
  errors: ['refresh_reused', 'refresh_expired', 'rate_limited', 'unavailable'],
})

export const logout = defineRoute({
  id: 'logout',
  app: 'auth',
  method: 'POST',
  path: '/api/auth/logout',
  access: 'user',
  summary: 'End this session.',
  answers: { 204: null },
  errors: ['unavailable'],
})

export const changePassword = defineRoute({
  id: 'changePassword',
  app: 'auth',
  method: 'POST',
  path: '/api/auth/password',
  access: 'user',
  summary: 'Change the password; all other sessions end.',
  body: z.object({ current: z.string().max(200), next: password }),
  answers: { 204: null },
  errors: ['bad_credentials', 'session_revoked', 'rate_limited', 'overloaded', 'unavailable'],
})

export const getMe = defineRoute({
  id: 'getMe',
  app: 'auth',
  method: 'GET',
  path: '/api/auth/me',
  access: 'user',
  summary: 'My user.',
  answers: { 200: user },
  errors: ['session_revoked', 'unavailable'],
})

export const updateMe = defineRoute({
  id: 'updateMe',
  app: 'auth',
  method: 'PATCH',
  path: '/api/auth/me',
  access: 'user',
  summary: 'Change my profile.',
  body: z.object({ displayName }),
  answers: { 200: user },
  errors: ['session_revoked', 'unavailable'],
})

export const listSessions = defineRoute({
  id: 'listSessions',
  app: 'auth',
  method: 'GET',
  path: '/api/auth/sessions',
  access: 'user',
  summary: 'My sessions.',
  answers: { 200: z.object({ items: z.array(session) }) },
  errors: ['session_revoked', 'unavailable'],
})

export const deleteSession = defineRoute({
  id: 'deleteSession',
  app: 'auth',
  method: 'DELETE',
  path: '/api/auth/sessions/:sessionId',
  access: 'user',
  summary: 'End one of my sessions.',
  params: z.object({ sessionId }),
  answers: { 204: null },
  errors: ['session_revoked', 'session_not_found', 'unavailable'],
})

export const getJwks = defineRoute({
  id: 'getJwks',
  app: 'auth',
  method: 'GET',
  path: '/api/auth/.well-known/jwks.json',
  access: 'public',
  summary: 'The public keys that access tokens are signed with (RFC 7517).',
  answers: { 200: jwks },
  errors: ['unavailable'],
})

export const getUser = defineRoute({
  id: 'getUser',
  app: 'auth',
  method: 'GET',
  path: '/api/users/:userId',
  access: 'user',
  summary: 'The public profile of a user.',
  params: z.object({ userId }),
  answers: { 200: publicUser },
  errors: ['user_not_found', 'unavailable'],
})

export const findUsers = defineRoute({
  id: 'findUsers',
  app: 'auth',
  method: 'GET',
  path: '/api/users',
  access: 'user',
  summary: 'Users whose name or username starts with the query.',
  query: z.object({
    query: z.string().min(2, 'must have at least 2 letters').max(64),
    limit: z.coerce.number().int().min(1).max(50).default(20),
  }),
  answers: { 200: z.object({ items: z.array(publicUser) }) },
  errors: ['unavailable'],
})

export const validateSession = defineRoute({
  id: 'validateSession',
  app: 'auth',
  method: 'POST',
  path: '/internal/sessions/validate',
  access: ['realtime'],
  summary: 'Is this access token valid, and its session alive?',
  body: z.object({ token: z.string().max(8192) }),
  answers: { 200: z.object({ userId, sessionId, expiresAt: timestamp }) },
  errors: ['token_invalid', 'token_expired', 'session_revoked', 'unavailable'],
})

export const lookUpUsers = defineRoute({
  id: 'lookUpUsers',
  app: 'auth',
  method: 'POST',
  path: '/internal/users/look-up',
  access: ['messages', 'notifications'],
  summary: 'The profiles of the users that exist; others are left out.',
  body: z.object({ userIds: z.array(userId).max(5000) }),
  answers: { 200: z.object({ items: z.array(publicUser) }) },
  errors: ['unavailable'],
})

/** For operators, over the sidecar of `auth` only; the gateway never routes here. */
export const rotateKeys = defineRoute({
  id: 'rotateKeys',
  app: 'auth',
  method: 'POST',
  path: '/internal/keys/rotate',
  access: ['auth'],
  summary: 'Sign with a new key from now on; the last two keys before it still verify.',
  answers: { 200: z.object({ kid: z.string() }) },
  errors: ['unavailable'],
})
