// npm run build: what is stale, as `npm start` does it.
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { exitWith } from './lib/terminal.mjs'

try {
  readArguments('npm run build    installs and compiles what is stale', {})
  demandNode()
  await installDependencies()
  await buildSources()
} catch (error) {
  exitWith(error)
}
