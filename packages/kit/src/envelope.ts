import { z } from 'zod'
import { corrupt, type Family, type Stored, tooNew } from './document-store.ts'
import type { RawDocument } from './raw-store.ts'

/**
 * What lies in every store, as one text: `n` the writer's nonce, `x` expiresAt, `s` the shape of the value (1 where it is
 * left out, one more for each upgrade of the family), `v` the value.
 */
const envelope = z.object({
  n: z.string(),
  x: z.number().optional(),
  s: z.number().int().min(1).default(1),
  v: z.unknown(),
})

/** The store may collect a document this long after it has expired for us: clocks of two machines never agree. */
const collectAfterMs = 3_600_000

export function seal(
  { upgrades }: Pick<Family<unknown>, 'upgrades'>,
  value: unknown,
  nonce: string,
  expiresAt: number | undefined,
): string {
  const lifetime = expiresAt === undefined ? {} : { x: expiresAt }
  const shape = upgrades.length === 0 ? {} : { s: upgrades.length + 1 }
  return toAscii(JSON.stringify({ n: nonce, ...lifetime, ...shape, v: value }))
}

export const ttlMs = (expiresAt: number, now: number): number => Math.max(0, expiresAt - now) + collectAfterMs

/** The text as it was written, whatever a store made of it, and when it expires. Undefined where it is none of ours. */
export function contentOf(data: unknown): { readonly text: string; readonly expiresAt?: number } | undefined {
  const text = typeof data === 'string' ? data : toAscii(JSON.stringify(data))
  const outer = envelope.safeParse(typeof data === 'string' ? parseJson(data) : data)
  if (!outer.success) return undefined
  return { text, ...(outer.data.x === undefined ? {} : { expiresAt: outer.data.x }) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function open<T>(family: Family<T>, key: string, { data, etag }: RawDocument): Stored<T> {
  let content: unknown
  try {
    content = typeof data === 'string' ? JSON.parse(data) : data
  } catch (cause) {
    throw corrupt(key, cause)
  }
  const outer = envelope.safeParse(content)
  if (!outer.success) throw corrupt(key, outer.error)
  const { n, x, s, v } = outer.data
  if (s > family.upgrades.length + 1) throw tooNew(key)
  const value = upToDate(family, key, v, s)
  return { value, etag, nonce: n, ...(x === undefined ? {} : { expiresAt: x }) }
}

function upToDate<T>({ upgrades, schema }: Family<T>, key: string, value: unknown, shape: number): T {
  try {
    return schema.parse(upgrades.slice(shape - 1).reduce((old, upgrade) => upgrade(old), value))
  } catch (cause) {
    throw corrupt(key, cause)
  }
}

/** JSON in ASCII alone: no store, driver or console on the way can change it, U+007F and lone surrogates included. */
function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
