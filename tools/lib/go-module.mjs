// Programs that are built from Go modules of ours, or fetched: once per user, and again when what they are made from
// changes. Built-ins only.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './root.mjs'
import { run, SetupError, step } from './terminal.mjs'

export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'parley')
export const suffix = process.platform === 'win32' ? '.exe' : ''

/**
 * `package`: which one of the module's dependencies is the program; without it, the module is.
 * @typedef {{ name: string, version: string, directory: string, package?: string, flags: readonly string[], seconds: number }} Module
 */

/** @param {{ name: string, version: string }} program */
export const cached = ({ name, version }) => join(cache, 'bin', `${name}-${version}${suffix}`)

/**
 * @param {string} target
 * @param {readonly string[]} origins whether it was made from one of these
 */
export function isMade(target, origins) {
  if (!existsSync(target) || !existsSync(`${target}.origin`)) return false
  return origins.includes(readFileSync(`${target}.origin`, 'utf8'))
}

/**
 * @param {string} target
 * @param {(fresh: string) => Promise<string>} work writes the file under another name and tells its origin
 */
export async function make(target, work) {
  mkdirSync(dirname(target), { recursive: true })
  const fresh = `${target}.${process.pid}.new`
  try {
    const origin = await work(fresh)
    chmodSync(fresh, 0o755)
    // The mark after the binary: a start that is interrupted between the two makes it again.
    rmSync(`${target}.origin`, { force: true })
    renameSync(fresh, target)
    writeFileSync(`${target}.origin`, origin)
  } finally {
    rmSync(fresh, { force: true })
  }
}

export const hasGo = async () => (await run('go', ['version']).catch(() => undefined))?.code === 0

/**
 * @param {Module} module
 * @param {string} target
 */
export async function build({ name, version, directory, package: main = '.', flags, seconds }, target) {
  await step(
    `Building ${name} ${version} from its Go module (once per user)`,
    async () => {
      const { code, output } = await run('go', ['build', ...flags, '-o', target, main], {
        cwd: join(root, directory),
        env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' },
      })
      if (code !== 0)
        throw new SetupError(
          `${name} could not be built:\n${output.trim().split('\n').slice(-15).join('\n')}`,
        )
    },
    { estimateSeconds: seconds },
  )
}

/**
 * Changes with what the build is made from.
 * @param {Module} module
 */
export function moduleKey({ directory, flags }) {
  const hash = createHash('sha256')
  const sources = readdirSync(join(root, directory)).filter((name) => name.endsWith('.go'))
  for (const file of ['go.mod', 'go.sum', ...sources.sort()])
    hash.update(readFileSync(join(root, directory, file)))
  return `module ${hash.update(flags.join(' ')).digest('hex')}`
}
