/**
 * Every error that a client can see: its HTTP status, whether sending the same request again can help, and
 * what it means. Codes are stable; messages may change. Over HTTP an error is `application/problem+json`
 * (RFC 9457) with `code`; in a socket acknowledgement it is `{ok: false, error: {code, message}}`.
 */
export const errorCatalogue = {
  invalid_body: { status: 422, retry: false, title: 'The request is not valid' },
  body_too_large: { status: 413, retry: false, title: 'The request body is too large' },
  body_not_json: { status: 400, retry: false, title: 'The request body is not JSON' },
  request_malformed: {
    status: 400,
    retry: false,
    title: 'The request is not well-formed HTTP, or its head is too large',
  },
  route_not_found: { status: 404, retry: false, title: 'There is no such route' },
  method_not_allowed: { status: 405, retry: false, title: 'The route does not take this method' },
  rate_limited: { status: 429, retry: true, title: 'Too many requests' },
  overloaded: { status: 503, retry: true, title: 'The server is at its limit' },
  unavailable: {
    status: 503,
    retry: true,
    title: 'The outcome is unknown: send again with the same clientId',
  },
  internal: { status: 500, retry: false, title: 'Something went wrong in the server' },
  forbidden: { status: 403, retry: false, title: 'You may not do this' },

  token_missing: { status: 401, retry: false, title: 'No access token was sent' },
  token_invalid: { status: 401, retry: false, title: 'The access token is not valid' },
  token_expired: { status: 401, retry: false, title: 'The access token has expired: refresh it' },
  session_revoked: { status: 401, retry: false, title: 'The session was ended' },
  origin_refused: { status: 403, retry: false, title: 'This origin may not connect' },
  username_taken: { status: 409, retry: false, title: 'The username is taken' },
  bad_credentials: { status: 401, retry: false, title: 'The username or the password is wrong' },
  totp_required: { status: 401, retry: false, title: 'A second factor is needed' },
  refresh_reused: {
    status: 401,
    retry: false,
    title: 'The refresh token was used before: the session was ended',
  },
  refresh_expired: {
    status: 401,
    retry: false,
    title: 'The refresh token has expired or is unknown: log in again',
  },
  session_not_found: { status: 404, retry: false, title: 'There is no such session' },
  user_not_found: { status: 404, retry: false, title: 'There is no such user' },

  conversation_not_found: { status: 404, retry: false, title: 'There is no such conversation' },
  conversation_full: { status: 422, retry: false, title: 'The conversation has its full number of members' },
  conversation_read_only: {
    status: 503,
    retry: false,
    title: 'The conversation is read-only: its log is damaged',
  },
  conversations_exceeded: {
    status: 422,
    retry: false,
    title: 'A member has the full number of conversations',
  },
  client_id_reused: { status: 409, retry: false, title: 'The clientId was used for something else' },
  message_not_found: { status: 404, retry: false, title: 'There is no such message' },
  member_not_found: { status: 404, retry: false, title: 'There is no such member' },
  cursor_too_old: { status: 410, retry: false, title: 'The cursor is older than what is kept' },

  subscription_not_found: { status: 404, retry: false, title: 'There is no such subscription' },
  endpoint_refused: { status: 422, retry: false, title: 'The push endpoint is not allowed' },
} as const satisfies Record<string, { status: number; retry: boolean; title: string }>

export type ErrorCode = keyof typeof errorCatalogue
