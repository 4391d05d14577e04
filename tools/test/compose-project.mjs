// docker-compose.yml as data, and a set of its secrets, for the tests of both.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { parse } from 'yaml'
import { root } from '../lib/root.mjs'

export const read = (/** @type {string} */ path) => readFileSync(join(root, path), 'utf8')
export const compose = parse(read('docker-compose.yml'), { merge: true, maxAliasCount: -1 })
/** @type {Record<string, any>} */
export const containers = compose.services

export const scratch = mkdtempSync(join(tmpdir(), 'parley-compose-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
export const secretsDir = join(scratch, 'secrets')
export const makeSecrets = () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['tools/compose-secrets.mjs', '--directory', secretsDir],
    { cwd: root, encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
}
makeSecrets()
export const secretFile = (/** @type {string} */ name) => readFileSync(join(secretsDir, name), 'utf8')
