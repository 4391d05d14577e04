// What a backup holds, so that one that is damaged or incomplete is found before it is used.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { SetupError } from '../lib/terminal.mjs'

const file = 'manifest.json'

/** @typedef {{ path: string, bytes: number, sha256?: string }} Content a directory has no hash; PostgreSQL wants the empty ones, too */

/**
 * @param {string} directory
 * @returns {Content[]}
 */
export function contentsOf(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !(entry.name === file && entry.parentPath === directory))
    .map((entry) => {
      const at = join(entry.parentPath, entry.name)
      const path = relative(directory, at)
      if (entry.isDirectory()) return { path, bytes: 0 }
      const content = readFileSync(at)
      return { path, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
    })
}

/**
 * @param {string} directory
 * @param {readonly Content[]} contents
 */
export const writeManifest = (directory, contents) =>
  writeFileSync(join(directory, file), `${JSON.stringify({ contents }, undefined, 1)}\n`, { mode: 0o600 })

/** Throws where the directory does not hold what its manifest says. */
export function demandComplete(/** @type {string} */ directory) {
  const path = join(directory, file)
  if (!existsSync(path)) throw new SetupError(`${directory} is no backup: it has no ${file}.`)
  /** @type {{ contents: Content[] }} */
  const { contents } = JSON.parse(readFileSync(path, 'utf8'))
  const found = new Map(contentsOf(directory).map((one) => [one.path, one.sha256]))
  const wrong =
    contents.find((one) => !found.has(one.path) || found.get(one.path) !== one.sha256)?.path ??
    [...found.keys()].find((one) => !contents.some(({ path }) => path === one))
  if (wrong)
    throw new SetupError(
      `The backup in ${directory} is damaged: "${wrong}" is not what it was, or not there. Take another one.`,
    )
}
