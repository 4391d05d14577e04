import {
  ChatError,
  type Clock,
  type CreateOutcome,
  type DocumentStore,
  type Family,
  newId,
} from '@parley/kit'

const attempts = 8

/** Before the n-th try again: 5 ms, 10 ms … 320 ms, each times a random share, so that rivals part ways. */
export async function pause(clock: Clock, attempt: number): Promise<void> {
  if (attempt === 0) return
  const ms = Math.random() * 5 * 2 ** Math.min(attempt, 6)
  await new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))
}

/**
 * Read, change, replace; again from the start when someone else was quicker. `change` answers undefined where
 * nothing is to be written, and must not mind being called again. Answers what was read last and what was written.
 *
 * Throws `unavailable` where the outcome is unknown: the change may have happened.
 */
export async function update<T extends object>(
  options: { store: DocumentStore; clock: Clock },
  family: Family<T, 'versioned'>,
  key: string,
  change: (current: T | undefined) => Promise<T | undefined> | T | undefined,
): Promise<{ before: T | undefined; after: T | undefined }> {
  const { store, clock } = options
  for (let attempt = 0; attempt < attempts; attempt++) {
    await pause(clock, attempt)
    const stored = await store.get(family, key)
    const before = stored?.value
    const after = await change(before)
    if (after === undefined) return { before, after: before }
    const keep = stored?.expiresAt === undefined ? {} : { expiresAt: stored.expiresAt }
    const outcome = stored
      ? await store.replace(family, key, after, stored.etag, keep)
      : (await store.create(family, key, after)).outcome
    if (outcome === 'replaced' || outcome === 'created') return { before, after }
    if (outcome === 'unknown') throw new ChatError('unavailable')
  }
  throw new ChatError('unavailable', { detail: 'too many changes at once' })
}

/**
 * Creates, and knows whether it did: an unknown outcome is tried again with the same nonce, which tells a first try that
 * landed after all from a rival. Throws `unavailable` where it stays unknown: it may have happened.
 */
export async function createOnce<T>(
  options: { store: DocumentStore; clock: Clock },
  family: Family<T, 'log' | 'versioned'>,
  key: string,
  value: T,
  { expiresAt }: { expiresAt?: number } = {},
): Promise<Exclude<CreateOutcome<T>, { outcome: 'unknown' }>> {
  const { store, clock } = options
  const nonce = newId()
  for (let attempt = 0; attempt < attempts; attempt++) {
    await pause(clock, attempt)
    const made = await store.create(family, key, value, {
      nonce,
      ...(expiresAt !== undefined && { expiresAt }),
    })
    if (made.outcome !== 'unknown') return made
  }
  throw new ChatError('unavailable')
}
