// Finds or provides `dapr` (the CLI) and `daprd` (the sidecar): what the user has; the official release; a build from
// the Go modules in tools/dapr, for machines that reach a module proxy but not the releases. Built-ins only.
//
//   node tools/dapr.mjs     provides both and says where they are
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, cache, cached, hasGo, isMade, make, moduleKey, suffix } from './lib/go-module.mjs'
import { dim, exitWith, run, SetupError, say, step, warn } from './lib/terminal.mjs'

const parts = {
  dapr: {
    version: '1.16.5',
    repository: 'dapr/cli',
    directory: 'tools/dapr/cli',
    seconds: 180,
    flags: ['-trimpath', '-ldflags', '-s -w -X main.version=1.16.5'],
  },
  daprd: {
    version: '1.18.0',
    repository: 'dapr/dapr',
    directory: 'tools/dapr/daprd',
    seconds: 270,
    flags: [
      '-trimpath',
      '-tags',
      'stablecomponents',
      '-ldflags',
      '-s -w -X github.com/dapr/dapr/pkg/buildinfo.version=1.18.0',
    ],
  },
}
/** @typedef {keyof typeof parts} Name */

/** Older ones do not take an empty scheduler address, or lack the SQLite name resolution. */
const oldest = [1, 16]

const nothingFound =
  'Parley runs on Dapr, and neither Dapr, nor its releases on github.com, nor Go was found here. Do one of these and start again: install Dapr (https://docs.dapr.io/getting-started/install-dapr-cli/, then `dapr init --slim`), let this machine reach github.com, or install Go 1.24 or later.'

/**
 * @returns {Promise<{ dapr: string, daprd: string, runtimePath: string }>} `runtimePath` is what `dapr run` takes: the
 * directory that holds `.dapr/bin/daprd`
 */
export async function provideDapr() {
  const dapr = await provide('dapr')
  const daprd = await provide('daprd')
  return { dapr, daprd, runtimePath: runtimePathOf(daprd) }
}

/** @param {Name} name */
async function provide(name) {
  const own = await findInstalled(name)
  if (own) return own
  const module = { name, ...parts[name] }
  const target = cached(module)
  const key = moduleKey(module)
  if (isMade(target, ['release', key])) return target
  await make(target, async (fresh) => {
    if (await download(name, fresh)) return 'release'
    if (!(await hasGo())) throw new SetupError(nothingFound)
    await build(module, fresh)
    return key
  })
  return target
}

/** @param {Name} name */
async function findInstalled(name) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), '.dapr/bin')]
  for (const directory of directories) {
    const path = join(directory, name + suffix)
    if (!directory || !isExecutable(path)) continue
    const { output } = await run(path, ['--version'], { timeoutMs: 10_000 }).catch(() => ({ output: '' }))
    const [, major = 0, minor = 0] = (/(?:^|\s)v?(\d+)\.(\d+)\.\d+/.exec(output) ?? []).map(Number)
    if (
      major > /** @type {number} */ (oldest[0]) ||
      (major === oldest[0] && minor >= /** @type {number} */ (oldest[1]))
    )
      return path
    warn(
      `${path} is ${output.split('\n')[0] || 'of an unknown version'}: Parley needs ${oldest.join('.')} or later and uses its own instead.`,
    )
  }
  return undefined
}

function isExecutable(/** @type {string} */ path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `dapr run` looks for daprd at one place below a directory; a link in the cache makes any daprd be there. */
function runtimePathOf(/** @type {string} */ daprd) {
  if (daprd === join(homedir(), '.dapr/bin', `daprd${suffix}`)) return homedir()
  const path = join(cache, 'runtime', createHash('sha256').update(daprd).digest('hex').slice(0, 12))
  const link = join(path, '.dapr/bin', `daprd${suffix}`)
  mkdirSync(dirname(link), { recursive: true })
  if (!existsSync(link)) {
    rmSync(link, { force: true })
    try {
      symlinkSync(daprd, link)
    } catch (error) {
      // Another start has just made the same link.
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
    }
  }
  return path
}

/**
 * The official archive, if the host can be reached and the checksum is right.
 * @param {Name} name
 * @param {string} target
 */
async function download(name, target) {
  const { version, repository } = parts[name]
  const os = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[/** @type {'linux'} */ (process.platform)]
  const cpu = { x64: 'amd64', arm64: 'arm64', arm: 'arm' }[/** @type {'x64'} */ (process.arch)]
  if (!os || !cpu || process.platform === 'win32') return false
  const host = process.env.PARLEY_DAPR_RELEASES || 'https://github.com' // a mirror, where the host cannot be reached
  const url = `${host}/${repository}/releases/download/v${version}/${name}_${os}_${cpu}.tar.gz`
  // The checksum first, with little patience: it tells whether the host can be reached at all.
  const checksum = await fetchOk(`${url}.sha256`, 6_000)
    .then((answer) => answer?.text())
    .catch(() => undefined)
  const expected = checksum && /^[0-9a-f]{64}/.exec(checksum.trim())?.[0]
  if (!expected) return false
  return step(`Downloading ${name} ${version}`, async () => {
    const body = await fetchOk(url, 300_000)
      .then((answer) => answer?.arrayBuffer())
      .catch(() => undefined)
    if (!body) return false
    const archive = Buffer.from(body)
    if (createHash('sha256').update(archive).digest('hex') !== expected) {
      throw new SetupError(
        `${url} does not have the checksum that is published beside it. Try again; if it stays so, do not use it.`,
      )
    }
    const unpacked = `${target}.d`
    mkdirSync(unpacked, { recursive: true })
    try {
      writeFileSync(join(unpacked, 'archive.tar.gz'), archive)
      const { code } = await run('tar', ['-xzf', 'archive.tar.gz', name], { cwd: unpacked })
      if (code !== 0) return false
      renameSync(join(unpacked, name), target)
      return true
    } finally {
      rmSync(unpacked, { recursive: true, force: true })
    }
  })
}

const fetchOk = async (/** @type {string} */ url, /** @type {number} */ timeoutMs) => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
  return answer.ok ? answer : undefined
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { dapr, daprd } = await provideDapr()
    say(`dapr   ${dapr}\ndaprd  ${daprd}`)
    say(dim(`As the CLI wants them: ${dapr} run --runtime-path ${runtimePathOf(daprd)} …`))
  } catch (error) {
    exitWith(error)
  }
}
