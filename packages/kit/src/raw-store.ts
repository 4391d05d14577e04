/** A document as a store returns it: our text, or, where the store parses it, what the text says. */
export interface RawDocument {
  readonly data: unknown
  readonly etag: string
}

/** A text of ASCII under a full key. The store may collect it after `ttlMs`. */
export interface RawWrite {
  readonly key: string
  readonly text: string
  readonly ttlMs?: number
}

/**
 * `refused`: the store compared an etag and said no, so that this write was not and will not be done. `failed` says
 * nothing about what was or will be written.
 */
export interface WriteOutcome {
  readonly outcome: 'saved' | 'refused' | 'failed'
  readonly reason?: string
}

/**
 * What a store does for `documentsOver`, which makes a DocumentStore of it. Every call has a deadline of its own. Reads
 * and `delete` throw ChatError `unavailable`; a write throws only `internal`, where trying again cannot help.
 */
export interface RawStore {
  /** By key; absent ones are left out. */
  read(keys: readonly string[]): Promise<Map<string, RawDocument>>
  /**
   * Writes each that is absent. Answers the keys that this call certainly wrote, each with its etag where the store
   * tells; nothing is known about the others.
   */
  create(writes: readonly RawWrite[]): Promise<ReadonlyMap<string, string | undefined>>
  /** Only if the etag is still this one. */
  replace(write: RawWrite, etag: string): Promise<WriteOutcome>
  put(write: RawWrite): Promise<WriteOutcome>
  delete(key: string): Promise<void>
}
