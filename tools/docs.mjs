// npm run docs: docs/openapi.json and docs/asyncapi.json from the contracts, docs/conformance.md from its data, the table of
// the metrics in docs/operations.md. Tests fail while they are stale.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { exitWith, say } from './lib/terminal.mjs'

try {
  readArguments(
    'npm run docs    writes docs/openapi.json and docs/asyncapi.json from the contracts, docs/conformance.md from its data, the table of the metrics in docs/operations.md',
    {},
  )
  demandNode()
  await installDependencies()
  await buildSources()
  const { openApiDocument } = await import('../packages/contracts/dist/openapi.js')
  const { asyncApiDocument } = await import('../packages/contracts/dist/asyncapi.js')
  for (const [name, document] of Object.entries({
    openapi: openApiDocument(),
    asyncapi: asyncApiDocument(),
  })) {
    writeFileSync(join(root, `docs/${name}.json`), `${JSON.stringify(document, null, 2)}\n`)
    say(`docs/${name}.json`)
  }
  const { readRows, writePage } = await import('./conformance/page.mjs')
  writePage(readRows())
  say('docs/conformance.md')
  const { writeMetrics } = await import('./lib/metrics-page.mjs')
  writeMetrics()
  say('docs/operations.md')
} catch (error) {
  exitWith(error)
}
