// npm run check: format, lint with the import arrows, and types. `-- --write` mends what can be mended.
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { exitWith, run, SetupError, step } from './lib/terminal.mjs'

const usage = `npm run check [-- --write]
  --write    mends what can be mended`

/**
 * @param {string} name
 * @param {string} script
 * @param {readonly string[]} args
 */
const tool = (name, script, args) =>
  step(name, async () => {
    const { code, output } = await run(process.execPath, [script, ...args], { cwd: root })
    if (code !== 0) throw new SetupError(`${name}: there are errors.\n${output.trim()}`)
  })

try {
  const { write } = readArguments(usage, { write: { type: 'boolean' } }).values
  demandNode()
  await installDependencies()
  // Biome's rules hold the import arrows, too: biome.json, overrides.
  await tool('Format and lint', 'node_modules/@biomejs/biome/bin/biome', [
    ...(write ? ['check', '--write'] : ['ci']),
    '--error-on-warnings',
    '--max-diagnostics=50',
    '.',
  ])
  await buildSources()
  await tool('Types of the tools', 'node_modules/typescript/bin/tsc', ['-p', 'tools'])
} catch (error) {
  exitWith(error)
}
