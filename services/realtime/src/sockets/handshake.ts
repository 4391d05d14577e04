import { errorCatalogue, handshake, type SessionId } from '@parley/contracts'
import { ChatError } from '@parley/kit'
import type { Backend } from '../backend.ts'
import { createSendGate } from './send-gate.ts'
import type { ChatSocket } from './types.ts'

export interface HandshakeRules {
  readonly backend: Pick<Backend, 'validate'>
  /** Origins of web pages that may connect beside our own, such as `https://chat.example.com`. */
  readonly origins: readonly string[]
  readonly draining: () => boolean
  /** A session that ended while its handshake was under way. */
  readonly wasRevoked: (id: SessionId) => boolean
}

/** Socket.IO passes `data` of a refusal on to the client's `connect_error`. */
export function refusal(error: unknown): Error & { data: unknown } {
  const chatError = error instanceof ChatError ? error : new ChatError('internal', { cause: error })
  const data = chatError.toAckError()
  return Object.assign(new Error(data.message), { data })
}

/** Decides who may connect, and fills in whose socket it is. Throws ChatError. */
export async function admit(socket: ChatSocket, rules: HandshakeRules): Promise<void> {
  const { headers, query, auth } = socket.handshake
  if (rules.draining()) throw new ChatError('unavailable', { retryAfterMs: 1_000 })
  if (!isOriginAllowed(headers, rules.origins)) throw new ChatError('origin_refused')
  const parsed = handshake.safeParse(auth)
  // URLs end up in logs and histories: a token there is refused even beside a right one, so that nobody relies on it.
  if (query.token !== undefined) {
    throw new ChatError(parsed.success ? 'token_invalid' : 'token_missing', {
      detail: 'A token in the query string is refused: send it in the handshake, auth: {token}',
    })
  }
  if (!parsed.success) {
    const missing = auth?.token === undefined || auth.token === '' || auth.token === null
    throw new ChatError(missing ? 'token_missing' : 'token_invalid')
  }
  const { userId, sessionId, expiresAt } = await rules.backend.validate(parsed.data.token)
  if (rules.wasRevoked(sessionId)) throw new ChatError('session_revoked')
  // Socket.IO shows it to whoever can list sockets and nobody needs it any more.
  auth.token = undefined
  Object.assign(socket.data, {
    userId,
    sessionId,
    expiresAt: Date.parse(expiresAt),
    gate: createSendGate(),
    joined: Promise.resolve(),
  })
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * Browsers name the page's origin and let no page forge it. Without one it is no browser, and there is no page to
 * protect anyone from. Our own origin is the host that the gateway was asked for.
 */
export function isOriginAllowed(headers: Headers, origins: readonly string[]): boolean {
  const { origin } = headers
  if (typeof origin !== 'string') return origin === undefined
  if (origins.includes(origin)) return true
  const host = headers['x-forwarded-host'] ?? headers.host
  return URL.canParse(origin) && new URL(origin).host === host
}

/** Whether a code is worth a line in the log: what clients do wrong is not. */
export const isOurFault = (error: unknown) =>
  !(error instanceof ChatError) || errorCatalogue[error.code].status >= 500
