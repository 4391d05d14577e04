import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { root } from '../lib/root.mjs'

/** @type {Record<string, string>} */
const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts
const files = Object.entries(scripts).map(
  ([name, command]) => /** @type {const} */ ([name, command.replace(/^node /, '')]),
)

/**
 * @param {string} file
 * @param {string} argument
 * @returns {Promise<{ code: unknown, out: string, err: string }>}
 */
const run = (file, argument) =>
  new Promise((resolve) => {
    execFile(process.execPath, [file, argument], { cwd: root, timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error ? error.code : 0, out, err }),
    )
  })

describe('what every command of package.json answers', () => {
  for (const [name, file] of files) {
    test(`${name} --help`, async () => {
      const { code, out } = await run(file, '--help')
      assert.equal(code, 0)
      assert.match(out, name === 'start' || name === 'test' ? /^npm \w+ / : new RegExp(`^npm run ${name}\\b`))
    })
    test(`${name} with an option that is not known`, async () => {
      const { code, out, err } = await run(file, '--no-such-option')
      assert.equal(code, 1)
      assert.equal(out, '', 'nothing was begun')
      assert.match(err, /Unknown option '--no-such-option'/)
      assert.doesNotMatch(err, /\n +at /, 'no stack')
    })
  }
})

describe('in a bare clone, without dependencies', () => {
  const clone = mkdtempSync(join(tmpdir(), 'parley-bare-'))
  cpSync(join(root, 'tools'), join(clone, 'tools'), { recursive: true })
  cpSync(join(root, 'package.json'), join(clone, 'package.json'))
  after(() => rmSync(clone, { recursive: true, force: true }))
  for (const [name, file] of files)
    test(`${name} can begin`, async () => {
      const { code, err } = await run(join(clone, file), '--help')
      assert.deepEqual([code, err], [0, ''])
    })
})

describe('--replicas', () => {
  for (const [file, argument, sentence] of /** @type {const} */ ([
    ['tools/start.mjs', '--replicas=0', /--replicas takes a whole number from 1 to 5, not "0"/],
    ['tools/start.mjs', '--replicas=many', /--replicas takes a whole number from 1 to 5, not "many"/],
    ['tools/infra.mjs', '--replicas=2', /--replicas is for npm start/],
  ]))
    test(`${file} ${argument} is refused before anything is begun`, async () => {
      const { code, out, err } = await run(file, argument)
      assert.equal(code, 1)
      assert.equal(out, '')
      assert.match(err, sentence)
    })
})
