// What a backup holds, so that one that is damaged or incomplete is found before it is used.
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs'
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
      return { path, ...digestOf(at) }
    })
}

/** In pieces: a file of a large table has a gigabyte. */
function digestOf(/** @type {string} */ path) {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(1024 * 1024)
  const file = openSync(path, 'r')
  let bytes = 0
  for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
    hash.update(piece.subarray(0, read))
    bytes += read
  }
  closeSync(file)
  return { bytes, sha256: hash.digest('hex') }
}

/** On the disk, whatever happens now: a file, or what a directory lists. */
export function sync(/** @type {string} */ path) {
  const opened = openSync(path, 'r')
  fsyncSync(opened)
  closeSync(opened)
}

/**
 * @param {string} directory
 * @param {readonly Content[]} contents
 */
export function writeManifest(directory, contents) {
  const path = join(directory, file)
  writeFileSync(path, `${JSON.stringify({ contents }, undefined, 1)}\n`, { mode: 0o600 })
  sync(path)
}

/** Throws where the directory does not hold what its manifest says. */
export function demandComplete(/** @type {string} */ directory) {
  const path = join(directory, file)
  if (!existsSync(path)) throw new SetupError(`${directory} is no backup: it has no ${file}.`)
  /** @type {{ contents: Content[] }} */
  const { contents } = JSON.parse(readFileSync(path, 'utf8'))
  const found = new Map(contentsOf(directory).map((one) => [one.path, one.sha256]))
  const wanted = new Map(contents.map((one) => [one.path, one.sha256]))
  const wrong = [...wanted.keys(), ...found.keys()].find(
    (path) => !wanted.has(path) || !found.has(path) || wanted.get(path) !== found.get(path),
  )
  if (wrong)
    throw new SetupError(
      `The backup in ${directory} is damaged: "${wrong}" is not what it was, or not there. Take another one.`,
    )
}
