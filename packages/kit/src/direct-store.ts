import type { Clock } from './clock.ts'
import type { DocumentStore } from './document-store.ts'
import type { Logger } from './logger.ts'
import { sidecarTimeouts } from './sidecar/daprd.ts'

/** A store without the sidecar between: what holds connections must let go of them. */
export interface DirectStore extends DocumentStore {
  close(): Promise<void>
}

export interface DirectStoreOptions {
  /** The table or collection: made where it is absent, also by several replicas at once. */
  readonly name: string
  readonly logger: Logger
  readonly clock?: Clock
  readonly timeouts?: Partial<DirectTimeouts>
  /** Connections at most. */
  readonly connections?: number
  /** How often expired documents are collected, where the server does not do it by itself. */
  readonly sweepEveryMs?: number
}

/** How long a call may take in all, waiting for a connection included. */
export interface DirectTimeouts {
  readonly readMs: number
  readonly writeMs: number
}

export function directTimeouts(given: Partial<DirectTimeouts> = {}): DirectTimeouts {
  return { readMs: sidecarTimeouts.stateReadMs, writeMs: sidecarTimeouts.stateWriteMs, ...given }
}

/** A name goes into statements as it is. */
export function assertName(name: string): void {
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(name))
    throw new TypeError(`"${name}" cannot name a table or a collection`)
}
