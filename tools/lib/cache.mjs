// What was downloaded or built once per user, for all checkouts.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'parley')

/**
 * A directory in the cache, made beside its place and moved there when complete: it is there whole or not at all.
 * @param {string} name
 * @param {(directory: string) => Promise<void>} make
 * @returns {Promise<string>}
 */
export async function cached(name, make) {
  const target = join(cacheDir, name)
  if (existsSync(target)) return target
  const fresh = `${target}.${process.pid}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  try {
    await make(fresh)
    mkdirSync(dirname(target), { recursive: true })
    // Another start may have been faster; what it made is the same.
    if (!existsSync(target)) renameSync(fresh, target)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return target
}
