/**
 * The one file that speaks HTTP to daprd.
 *
 * Publishing, state and invocation go to the sidecar's HTTP API over bounded keep-alive pools, not through `@dapr/dapr`
 * (3.18): its `publish` takes neither a time-out nor a signal nor headers, so that a stuck broker would hold callers for
 * ever and traces would end here; it resolves `{error}` where others throw, and it writes the request's headers, API
 * token included, into its debug log. Its state `get` drops the ETag and its `invoke` drops status and headers. HTTP is
 * also faster from Node than the SDK's gRPC. What is asked once per start, secrets, goes through the SDK, which is
 * loaded when it is first needed: it costs 0.4 s and 49 MB.
 */
import type { RouteContract } from '@parley/contracts'
import { Pool } from 'undici'
import { ChatError } from '../errors.ts'
import { outgoingTraceparent } from '../trace.ts'

/** How long a call may take in all, unless the caller says otherwise. */
export const sidecarTimeouts = {
  publishMs: 5_000,
  stateReadMs: 3_000,
  stateWriteMs: 5_000,
  invokeMs: 5_000,
  secretMs: 10_000,
  healthMs: 1_000,
}
export type SidecarTimeouts = Readonly<typeof sidecarTimeouts>

export interface Request {
  readonly method: RouteContract['method']
  readonly path: string
  readonly timeoutMs: number
  /** JSON. */
  readonly body?: string
  /** The app that it is for, where it is not for daprd itself. */
  readonly appId?: string
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

/** Calls of one kind. Each kind has connections of its own, so that a stuck broker cannot keep anyone from the store. */
export interface Line {
  /** Rejects where no answer came. */
  call(request: Request): Promise<Answer>
  /** The same, and every failure is a ChatError: `unavailable`, or `internal` where trying again cannot help. */
  callOrThrow(request: Request): Promise<Answer>
  close(): Promise<void>
}

export function openLine(
  port: number,
  { apiToken, connections = 64 }: { apiToken?: string | undefined; connections?: number } = {},
): Line {
  // Our own timer bounds a whole call, waiting for a connection included; undici's would only bound its parts.
  const options = { connections, keepAliveTimeout: 30_000, headersTimeout: 0, bodyTimeout: 0 }
  const pool = new Pool(`http://127.0.0.1:${port}`, options)

  async function call(request: Request): Promise<Answer> {
    const deadline = withDeadline(request)
    try {
      const answer = await pool.request({
        method: request.method,
        path: request.path,
        headers: headersOf(request, apiToken),
        body: request.body ?? null,
        signal: deadline.signal,
      })
      return {
        status: answer.statusCode,
        contentType: String(answer.headers['content-type'] ?? ''),
        text: await answer.body.text(),
      }
    } finally {
      deadline.clear()
    }
  }

  async function callOrThrow(request: Request): Promise<Answer> {
    let answer: Answer
    try {
      answer = await call(request)
    } catch (cause) {
      throw new ChatError('unavailable', { cause })
    }
    if (answer.status < 300) return answer
    throw new ChatError(isFinal(answer.status) ? 'internal' : 'unavailable', { cause: told(request, answer) })
  }

  return { call, callOrThrow, close: () => pool.destroy() }
}

/** Aborts when the time is over, or when the caller's signal does. */
function withDeadline({ timeoutMs, signal }: Request) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
  const forward = () => controller.abort(signal?.reason)
  if (signal?.aborted) forward()
  else signal?.addEventListener('abort', forward, { once: true })
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', forward)
    },
  }
}

function headersOf({ body, appId }: Request, apiToken: string | undefined): Record<string, string> {
  const traceparent = outgoingTraceparent()
  return {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(apiToken === undefined ? {} : { 'dapr-api-token': apiToken }),
    ...(appId === undefined ? {} : { 'dapr-app-id': appId }),
    ...(traceparent === undefined ? {} : { traceparent }),
  }
}

/** Trying again cannot help: the request is wrong, or the sidecar is set up wrongly. */
export const isFinal = (status: number): boolean =>
  status >= 400 && status < 500 && status !== 409 && status !== 429

/** For the log. */
export const told = (request: Request, answer: Answer): Error =>
  new Error(`${request.method} ${request.path}: ${answer.status} ${answer.text.slice(0, 500)}`)

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
