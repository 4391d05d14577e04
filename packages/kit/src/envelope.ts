import { z } from 'zod'
import { corrupt, type Family, type Stored } from './document-store.ts'
import type { RawDocument } from './raw-store.ts'

/** What lies in every store, as one text: `n` the writer's nonce, `x` expiresAt, `v` the value. */
const envelope = z.object({ n: z.string(), x: z.number().optional(), v: z.unknown() })

/** The store may collect a document this long after it has expired for us: clocks of two machines never agree. */
const collectAfterMs = 3_600_000

export function seal(value: unknown, nonce: string, expiresAt: number | undefined): string {
  return toAscii(JSON.stringify({ n: nonce, ...(expiresAt === undefined ? {} : { x: expiresAt }), v: value }))
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
  const { n, x, v } = outer.data
  const value = family.schema.safeParse(v)
  if (!value.success) throw corrupt(key, value.error)
  return { value: value.data, etag, nonce: n, ...(x === undefined ? {} : { expiresAt: x }) }
}

/** JSON in ASCII alone: no store, driver or console on the way can change it, U+007F and lone surrogates included. */
function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
