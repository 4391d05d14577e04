// Writes docs/openapi.json and docs/asyncapi.json from the contracts. The contracts' tests fail while they are stale.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const build = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'packages/contracts'], {
  cwd: root,
  stdio: 'inherit',
})
if (build.status !== 0) process.exit(1)

const { openApiDocument } = await import('../packages/contracts/dist/openapi.js')
const { asyncApiDocument } = await import('../packages/contracts/dist/asyncapi.js')
for (const [name, document] of [
  ['openapi', openApiDocument()],
  ['asyncapi', asyncApiDocument()],
]) {
  writeFileSync(`${root}docs/${name}.json`, `${JSON.stringify(document, null, 2)}\n`)
  console.log(`docs/${name}.json`)
}
