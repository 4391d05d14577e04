import type { Entry, ErrorCode } from '@parley/contracts'

/** Each is asked at its point; the default does nothing. */
export interface Faults {
  /** What becomes of an entry on its way to one socket. */
  deliver(entry: Entry): 'now' | 'lost' | 'doubled' | 'late'
  /** What becomes of a send; the text is the message's. */
  send(text: string): SendFault | undefined
  /** The route answers with this error instead. */
  http(routeId: string): ErrorCode | undefined
}

/**
 * `refused`: a refusal that may pass holds up the later sends of the socket and conversation until this one comes again,
 * as the protocol has it. `cut`: the connection breaks here, before the send arrives or, with `stored`, before its answer
 * leaves; what the same socket sent later is lost with it.
 */
export type SendFault =
  | { readonly refused: ErrorCode; readonly retryAfterMs?: number; readonly stored?: boolean }
  | { readonly cut: true; readonly stored?: boolean }

export const noFaults: Faults = { deliver: () => 'now', send: () => undefined, http: () => undefined }

/** A refusal with a code of the catalogue; `extra` are further members of the problem document. */
export class Refusal extends Error {
  readonly code: ErrorCode
  readonly extra: object
  constructor(code: ErrorCode, extra: object = {}) {
    super(code)
    this.code = code
    this.extra = extra
  }
}
