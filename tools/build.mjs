// npm run build: what is stale, as `npm start` does it.
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { exitWith } from './lib/terminal.mjs'

try {
  demandNode()
  await installDependencies()
  await buildSources()
} catch (error) {
  exitWith(error)
}
