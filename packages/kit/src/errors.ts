import { type AckError, type ErrorCode, errorCatalogue } from '@parley/contracts'

/** `application/problem+json` (RFC 9457). `code` is stable; further members belong to the code. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail?: string
  readonly retryAfterMs?: number
  readonly [extra: string]: unknown
}

export interface ChatErrorOptions {
  /** For the person who reads it. With a 5xx it goes to the log alone: see `toProblem`. */
  readonly detail?: string
  readonly retryAfterMs?: number
  readonly cause?: unknown
  /** Members of the problem beside the standard ones, such as `{limit: 65536}`. */
  readonly extra?: Readonly<Record<string, unknown>>
}

export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCatalogue, code)

/** The one error that crosses a border of a process. Everything else becomes `internal` there. */
export class ChatError extends Error {
  override readonly name = 'ChatError'
  readonly code: ErrorCode
  readonly status: number
  readonly detail?: string
  readonly retryAfterMs?: number
  readonly extra?: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, options: ChatErrorOptions = {}) {
    super(
      options.detail === undefined ? code : `${code}: ${options.detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.status = errorCatalogue[code].status
    if (options.detail !== undefined) this.detail = options.detail
    if (options.retryAfterMs !== undefined) this.retryAfterMs = Math.ceil(options.retryAfterMs)
    if (options.extra !== undefined) this.extra = options.extra
  }

  /** Of a 5xx only what the catalogue says: what went wrong inside is nobody's business outside. */
  toProblem(): Problem {
    const isTheirs = this.status < 500
    return {
      ...(isTheirs ? this.extra : {}),
      type: `urn:parley:error:${this.code}`,
      title: errorCatalogue[this.code].title,
      status: this.status,
      code: this.code,
      ...(isTheirs && this.detail !== undefined ? { detail: this.detail } : {}),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    }
  }

  /** The same for a socket's acknowledgement. */
  toAckError(): AckError {
    const detail = this.status < 500 ? this.detail : undefined
    return {
      code: this.code,
      message: detail ?? errorCatalogue[this.code].title,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    }
  }

  /** The error that a problem tells, as its caller throws it on; undefined where it is not one of ours. */
  static fromProblem(body: unknown): ChatError | undefined {
    if (typeof body !== 'object' || body === null || !('code' in body) || !isErrorCode(body.code))
      return undefined
    const {
      type: _type,
      title: _title,
      status: _status,
      code,
      detail,
      retryAfterMs,
      ...extra
    } = body as Problem
    return new ChatError(code, {
      ...(typeof detail === 'string' ? { detail } : {}),
      ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
      ...(Object.keys(extra).length > 0 ? { extra } : {}),
    })
  }
}
