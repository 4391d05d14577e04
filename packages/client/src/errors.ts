import { type ErrorCode, errorCatalogue } from '@parley/contracts'

/**
 * What can go wrong, as stable codes: every code of the protocol, and those that only a client knows:
 * `network` (no answer: the outcome is unknown), `bad_answer` (the server said something that the contracts do not
 * allow), `signed_out` (there is no session), `aborted` (the chat was closed while waiting).
 */
export type ClientErrorCode = ErrorCode | 'network' | 'bad_answer' | 'signed_out' | 'aborted'

const retryableHere: ReadonlySet<string> = new Set(['network'])

/** Every promise of the client that rejects, rejects with this. */
export class ParleyError extends Error {
  override readonly name = 'ParleyError'
  readonly code: ClientErrorCode
  /** HTTP status, where there was an answer over HTTP. */
  readonly status?: number
  /** Milliseconds to wait before the same request makes sense again. */
  readonly retryAfterMs?: number
  /** Members of the problem document beyond the standard ones, such as `head` of `cursor_too_old`. */
  readonly extra: Readonly<Record<string, unknown>>

  constructor(
    code: ClientErrorCode,
    message: string,
    options: {
      status?: number | undefined
      retryAfterMs?: number | undefined
      extra?: Record<string, unknown>
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    if (options.status !== undefined) this.status = options.status
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
    this.extra = options.extra ?? {}
  }

  /** Whether the same request (with the same clientId) may succeed later. */
  get retryable(): boolean {
    return isRetryable(this.code)
  }
}

export function isRetryable(code: string): boolean {
  return code in errorCatalogue ? errorCatalogue[code as ErrorCode].retry : retryableHere.has(code)
}

export function asParleyError(error: unknown): ParleyError {
  if (error instanceof ParleyError) return error
  return new ParleyError('network', error instanceof Error ? error.message : String(error), { cause: error })
}
