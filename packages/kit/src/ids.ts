import { randomBytes } from 'node:crypto'

/** 120 random bits in 20 URL-safe characters, after `<prefix>_` where one is given. */
export function newId(prefix?: string): string {
  const id = randomBytes(15).toString('base64url')
  return prefix === undefined ? id : `${prefix}_${id}`
}
