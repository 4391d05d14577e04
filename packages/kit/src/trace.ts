import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'

/** W3C trace context: from the request that is being handled into every log line and every call that it causes. */
export interface Trace {
  readonly traceId: string
  /** Whether somebody upstream records this trace. Passed on as it came. */
  readonly flags: string
}

const storage = new AsyncLocalStorage<Trace>()
const traceparentPattern = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})/

export function parseTraceparent(header: string | undefined): Trace {
  const match = header === undefined ? null : traceparentPattern.exec(header)
  return match?.[1] !== undefined && match[2] !== undefined
    ? { traceId: match[1], flags: match[2] }
    : { traceId: randomBytes(16).toString('hex'), flags: '00' }
}

export const runInTrace = <T>(trace: Trace, fn: () => T): T => storage.run(trace, fn)
export const currentTrace = (): Trace | undefined => storage.getStore()

/** The header for an outgoing call: the current trace with a span of its own. */
export function outgoingTraceparent(): string | undefined {
  const trace = storage.getStore()
  return trace && `00-${trace.traceId}-${newSpanId()}-${trace.flags}`
}

/** 16 hex digits. From a UUID, whose randomness Node draws in advance: drawing eight bytes is a system call each time. */
function newSpanId(): string {
  const uuid = randomUUID()
  return uuid.slice(0, 8) + uuid.slice(-8)
}
