// The import arrows of the architecture, held by Biome: services → kit, contracts; web → client → contracts. A rule that
// is silently off would be seen here: each forbidden import is planted in a copy of the layout.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from '../lib/root.mjs'
import { run } from '../lib/terminal.mjs'

const parts = ['contracts', 'kit', 'client', 'testkit', 'messages']
/** @type {Record<string, string[]>} file → what it may import */
const allowed = {
  'packages/contracts/src/planted.ts': [],
  'packages/kit/src/planted.ts': ['contracts'],
  'packages/client/src/planted.ts': ['contracts'],
  'web/src/planted.tsx': ['contracts', 'client'],
  'services/auth/src/planted.ts': ['contracts', 'kit'],
  'services/auth/src/deep/planted.ts': ['contracts', 'kit'],
  'services/auth/src/planted.test.ts': ['contracts', 'kit', 'testkit'],
}

const copy = mkdtempSync(join(tmpdir(), 'parley-arrows-'))
/** @type {Set<string>} `file imports part` */
const refused = new Set()

before(async () => {
  const config = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
  writeFileSync(join(copy, 'biome.json'), JSON.stringify({ ...config, vcs: { enabled: false } }))
  for (const file of Object.keys(allowed)) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    writeFileSync(join(copy, file), parts.map((part) => `import '@parley/${part}'\n`).join(''))
  }
  const { output } = await run(
    process.execPath,
    [
      join(root, 'node_modules/@biomejs/biome/bin/biome'),
      'lint',
      '--only=style/noRestrictedImports',
      '--max-diagnostics=none',
      '--reporter=json',
      '.',
    ],
    { cwd: copy },
  )
  const report = JSON.parse(/** @type {string} */ (output.split('\n').find((line) => line.startsWith('{'))))
  for (const { category, location } of report.diagnostics) {
    if (category !== 'lint/style/noRestrictedImports') continue
    const file = location.path.file ?? location.path
    const line = location.start?.line ?? lineOf(join(copy, file), location.span[0])
    refused.add(`${file} imports ${parts[line - 1]}`)
  }
})
after(() => rmSync(copy, { recursive: true, force: true }))

const lineOf = (/** @type {string} */ path, /** @type {number} */ at) =>
  readFileSync(path, 'utf8').slice(0, at).split('\n').length

for (const [file, may] of Object.entries(allowed)) {
  for (const part of parts) {
    test(`${file} ${may.includes(part) ? 'may' : 'may not'} import ${part}`, () => {
      assert.equal(refused.has(`${file} imports ${part}`), !may.includes(part))
    })
  }
}
