// Where dapr and daprd come from: what the user has, a release with its checksum, a build. The release host and the
// programs are played here; that the real ones work, every other test over sidecars shows.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { root } from '../lib/root.mjs'
import { run } from '../lib/terminal.mjs'

let place = ''
let downloads = 0
let checksumIsRight = true
/** @type {import('node:http').Server} */
let server
let host = ''

before(async () => {
  server = createServer((request, response) => {
    const [, name = '', end] =
      /\/(dapr|daprd)_[a-z]+_[a-z0-9]+\.tar\.gz(\.sha256)?$/.exec(request.url ?? '') ?? []
    const archive = archiveOf(name)
    if (end) {
      const sum = createHash('sha256').update(archive).digest('hex')
      response.end(
        `${checksumIsRight ? sum : sum.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}  ${name}.tar.gz\n`,
      )
    } else {
      downloads++
      response.end(archive)
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  host = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`
})
after(() => server.close())
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'parley-dapr-'))
  downloads = 0
  checksumIsRight = true
  mkdirSync(join(place, 'bin'))
  // Only what the tool calls: no Go, and no Dapr that this machine happens to have.
  for (const name of ['tar', 'gzip', 'sh']) symlinkSync(which(name), join(place, 'bin', name))
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

const which = (/** @type {string} */ name) =>
  spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
const program = (/** @type {string} */ version) => `#!/bin/sh\necho "Runtime version: ${version}"\n`

function archiveOf(/** @type {string} */ name) {
  const directory = mkdtempSync(join(tmpdir(), 'parley-archive-'))
  writeFileSync(join(directory, name), program('1.18.0'), { mode: 0o755 })
  // The same bytes at each call, for the checksum.
  spawnSync('sh', ['-c', `tar --sort=name --mtime=@0 -cf - ${name} | gzip -n > archive.tar.gz`], {
    cwd: directory,
  })
  const archive = readFileSync(join(directory, 'archive.tar.gz'))
  rmSync(directory, { recursive: true })
  return archive
}

function install(/** @type {string} */ path, /** @type {string} */ version) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, program(version))
  chmodSync(path, 0o755)
}

const provide = (from = host) =>
  run(process.execPath, [join(root, 'tools/dapr.mjs')], {
    env: {
      PATH: join(place, 'bin'),
      HOME: place,
      XDG_CACHE_HOME: join(place, 'cache'),
      PARLEY_DAPR_RELEASES: from,
    },
  })
const cached = (/** @type {string} */ name) => join(place, 'cache/parley/bin', name)

test('a release is downloaded once', async () => {
  const first = await provide()
  assert.equal(first.code, 0, first.output)
  assert.match(first.output, /dapr {3}\S+dapr-1\.16\.5\n/)
  assert.match(first.output, /daprd {2}\S+daprd-1\.18\.0\n/)
  assert.equal(downloads, 2)
  assert.ok(existsSync(cached('daprd-1.18.0')))
  assert.equal((await provide()).code, 0)
  assert.equal(downloads, 2)
})

test('a release with another checksum is refused, and nothing of it stays', async () => {
  checksumIsRight = false
  const { code, output } = await provide()
  assert.equal(code, 1)
  assert.match(output, /does not have the checksum/)
  assert.ok(!existsSync(cached('dapr-1.16.5')))
})

test('what the user has is used', async () => {
  install(join(place, 'bin/dapr'), '1.17.0')
  install(join(place, '.dapr/bin/daprd'), '1.16.2')
  const { output } = await provide()
  assert.match(output, /dapr {3}\S+\/bin\/dapr\n/)
  assert.match(output, /daprd {2}\S+\/\.dapr\/bin\/daprd\n/)
  assert.match(output, new RegExp(`--runtime-path ${place} `))
  assert.equal(downloads, 0)
})

test('what the user has is not used where it is too old, and that is said', async () => {
  install(join(place, '.dapr/bin/daprd'), '1.12.5')
  const { code, output } = await provide()
  assert.equal(code, 0, output)
  assert.match(
    output,
    /\.dapr\/bin\/daprd is .*1\.12\.5: Parley needs 1\.16 or later and uses its own instead/,
  )
  assert.match(output, /daprd {2}\S+daprd-1\.18\.0\n/)
})

test('without Dapr, its releases and Go, a sentence says what to do', async () => {
  const { code, output } = await provide('http://127.0.0.1:9')
  assert.equal(code, 1)
  assert.match(output, /install Dapr .*, let this machine reach github\.com, or install Go/)
  assert.doesNotMatch(output, /\n\s+at /)
})

test('a build is made again when its module has changed', async () => {
  mkdirSync(dirname(cached('x')), { recursive: true })
  for (const name of ['dapr-1.16.5', 'daprd-1.18.0']) {
    install(cached(name), '1.18.0')
    writeFileSync(`${cached(name)}.origin`, 'module of another day')
  }
  const { output } = await provide()
  assert.equal(downloads, 2, output)
})
