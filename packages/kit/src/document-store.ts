import type { z } from 'zod'
import { ChatError } from './errors.ts'

/**
 * Every service keeps its records through this port. Keys have a family, a family has one mode for ever:
 * `log` is written once; `versioned` is created and then replaced by etag; `last-write` is put.
 * Modes do not mix, because a create over a key that was put overwrites it silently on Redis.
 */
export type Mode = 'log' | 'versioned' | 'last-write'

export interface Family<T, M extends Mode = Mode> {
  /** The full key of a document is `<prefix>:<key>`. */
  readonly prefix: string
  readonly mode: M
  readonly schema: z.ZodType<T>
  /** Whether its documents have a lifetime: always or never. */
  readonly expires: boolean
  /**
   * From each former shape to the next, oldest first: a document is brought up to date when it is read, and is written in
   * the newest shape. `schema` is that of the newest.
   */
  readonly upgrades: readonly Upgrade[]
}

export type Upgrade = (value: unknown) => unknown

/** What was read. An expired document reads as absent. */
export interface Stored<T> {
  readonly value: T
  readonly etag: string
  /** Drawn by the writer, and new at every write: tells whose write it is. */
  readonly nonce: string
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
}

/**
 * `unknown`: the write may have landed or may still land later. Try the same key again with the same nonce, or tell
 * the client to try again; it is never a refusal.
 */
export type CreateOutcome<T> =
  | { readonly outcome: 'created'; readonly etag?: string }
  | { readonly outcome: 'exists'; readonly stored: Stored<T> }
  | { readonly outcome: 'unknown' }

/** `conflict`: the document has another etag, and this write was not and will not be done. */
export type ReplaceOutcome = 'replaced' | 'conflict' | 'unknown'

export interface CreateItem<T> {
  readonly key: string
  readonly value: T
  readonly nonce?: string
  readonly expiresAt?: number
}

export interface DocumentStore {
  /** Throws ChatError `unavailable` where the store could not be read: an error is never "absent". */
  get<T>(family: Family<T>, key: string): Promise<Stored<T> | undefined>
  /** By key; absent ones are left out. Throws if any key could not be read. */
  getMany<T>(family: Family<T>, keys: readonly string[]): Promise<Map<string, Stored<T>>>
  /** Only if absent. A repeat with the nonce of the first try answers `created` if that one landed. */
  create<T>(
    family: Family<T, 'log' | 'versioned'>,
    key: string,
    value: T,
    options?: { readonly nonce?: string; readonly expiresAt?: number },
  ): Promise<CreateOutcome<T>>
  /** Independent creates in one request; the outcomes stand in the order of the items. */
  createMany<T>(
    family: Family<T, 'log' | 'versioned'>,
    items: readonly CreateItem<T>[],
  ): Promise<CreateOutcome<T>[]>
  /** Only if the etag is still this one. */
  replace<T>(
    family: Family<T, 'versioned'>,
    key: string,
    value: T,
    etag: string,
    options?: { readonly expiresAt?: number },
  ): Promise<ReplaceOutcome>
  /** Throws ChatError `unavailable` where it is not certain that it was written. */
  put<T>(
    family: Family<T, 'last-write'>,
    key: string,
    value: T,
    options?: { readonly expiresAt?: number },
  ): Promise<void>
  /** Throws ChatError `unavailable` where it is not certain that it is gone. */
  delete<T>(family: Family<T>, key: string): Promise<void>
}

const modes = new Map<string, { mode: Mode; expires: boolean }>()

/** Declares a family of keys. The same prefix twice must mean the same thing. */
export function defineFamily<T, M extends Mode>(family: {
  readonly prefix: string
  readonly mode: M
  readonly schema: z.ZodType<T>
  readonly expires?: boolean
  readonly upgrades?: readonly Upgrade[]
}): Family<T, M> {
  const { prefix, mode, schema, expires = false, upgrades = [] } = family
  if (!/^[a-z][a-z0-9-]*$/.test(prefix)) throw new TypeError(`The prefix "${prefix}" is not kebab-case`)
  const known = modes.get(prefix)
  if (known && (known.mode !== mode || known.expires !== expires))
    throw new TypeError(
      `The family "${prefix}" is defined twice, as ${known.mode} and as ${mode}, or with another lifetime`,
    )
  modes.set(prefix, { mode, expires })
  return { prefix, mode, schema, expires, upgrades }
}

/** Every family that was declared in this process, by prefix. */
export const definedFamilies = (): ReadonlyMap<string, { readonly mode: Mode; readonly expires: boolean }> =>
  modes

/** The store's key. Parts that come from people are encoded by the caller. */
export function fullKey(family: Family<unknown>, key: string): string {
  // Dapr reserves `||`; PostgreSQL takes no NUL in a text; lone surrogates would all become U+FFFD on the way.
  if (key === '' || key.includes('||') || key.includes('\0') || !key.isWellFormed())
    throw new TypeError(
      `"${key}" cannot be a key of "${family.prefix}": it is empty, not well-formed or contains || or NUL`,
    )
  return `${family.prefix}:${key}`
}

/** Mistakes in the code that calls, which types do not catch where a family's type was widened. */
export function assertWrite(
  family: Family<unknown>,
  allowed: readonly Mode[],
  expiresAt: number | undefined,
): void {
  if (!allowed.includes(family.mode))
    throw new TypeError(`"${family.prefix}" is ${family.mode}: this write would mix modes`)
  if (family.expires !== (expiresAt !== undefined))
    throw new TypeError(`"${family.prefix}" ${family.expires ? 'always' : 'never'} has an expiresAt`)
}

/** The error for a document that is there but is not what its family says. The key goes to the log, never to a client. */
export const corrupt = (key: string, cause: unknown): ChatError =>
  new ChatError('internal', { cause: new Error(`The document ${key} does not fit its schema`, { cause }) })

/** A later release wrote it: this one must not guess, and another replica may be able to answer. */
export const tooNew = (key: string): ChatError =>
  new ChatError('unavailable', {
    cause: new Error(
      `The document ${key} has a shape of a later release: finish the upgrade of this service`,
    ),
  })
