// Finds or provides `dapr` (the CLI) and `daprd` (the sidecar): what the user has; the official release; a build from
// the Go modules in tools/dapr, for machines that reach a module proxy but not the releases. Built-ins only.
//
//   node tools/dapr.mjs     provides both and says where they are
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './lib/root.mjs'
import { dim, exitWith, run, SetupError, say, step, warn } from './lib/terminal.mjs'

const parts = {
  dapr: {
    version: '1.16.5',
    repository: 'dapr/cli',
    module: 'cli',
    buildSeconds: 180,
    build: ['-trimpath', '-ldflags', '-s -w -X main.version=1.16.5'],
  },
  daprd: {
    version: '1.18.0',
    repository: 'dapr/dapr',
    module: 'daprd',
    buildSeconds: 270,
    build: [
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
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'parley')
const suffix = process.platform === 'win32' ? '.exe' : ''

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
  const { version } = parts[name]
  const target = join(cache, 'bin', `${name}-${version}${suffix}`)
  const key = moduleKey(name)
  const origin = existsSync(`${target}.origin`) ? readFileSync(`${target}.origin`, 'utf8') : undefined
  if (existsSync(target) && (origin === 'release' || origin === key)) return target
  mkdirSync(dirname(target), { recursive: true })
  const fresh = `${target}.${process.pid}.new`
  try {
    const released = await download(name, fresh)
    if (!released) await build(name, fresh)
    chmodSync(fresh, 0o755)
    // The mark after the binary: a start that is interrupted between the two makes it again.
    rmSync(`${target}.origin`, { force: true })
    renameSync(fresh, target)
    writeFileSync(`${target}.origin`, released ? 'release' : key)
  } finally {
    rmSync(fresh, { force: true })
  }
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

/**
 * @param {Name} name
 * @param {string} target
 */
async function build(name, target) {
  const { version, module, buildSeconds, build: flags } = parts[name]
  const go = await run('go', ['version']).catch(() => undefined)
  if (go?.code !== 0) {
    throw new SetupError(
      `Parley runs on Dapr, and neither Dapr, nor its releases on github.com, nor Go was found here. Do one of these and start again: install Dapr (https://docs.dapr.io/getting-started/install-dapr-cli/, then \`dapr init --slim\`), let this machine reach github.com, or install Go 1.24 or later.`,
    )
  }
  await step(
    `Building ${name} ${version} from its Go module (once per user)`,
    async () => {
      const { code, output } = await run('go', ['build', ...flags, '-o', target, '.'], {
        cwd: join(root, 'tools/dapr', module),
        env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' },
      })
      if (code !== 0)
        throw new SetupError(
          `${name} could not be built:\n${output.trim().split('\n').slice(-15).join('\n')}`,
        )
    },
    { estimateSeconds: buildSeconds },
  )
}

/** Changes with what the build is made from. */
function moduleKey(/** @type {Name} */ name) {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum', 'main.go'])
    hash.update(readFileSync(join(root, 'tools/dapr', parts[name].module, file)))
  return `module ${hash.update(parts[name].build.join(' ')).digest('hex')}`
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
