// What must be there before anything else: Node, dependencies, compiled sources. Built-ins only.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.mjs'
import { run, SetupError, step } from './terminal.mjs'

export function demandNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(
      `This is Node ${process.versions.node}; Parley needs 20.19 or later: https://nodejs.org/`,
    )
  }
}

const modifiedAt = (/** @type {string} */ path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

export async function installDependencies() {
  const installed = modifiedAt(join(root, 'node_modules/.package-lock.json'))
  if (installed >= modifiedAt(join(root, 'package-lock.json'))) return
  // In a checkout in which someone works, `npm ci` would throw away all that is installed; `npm install` mends it.
  const command = installed === 0 ? 'ci' : 'install'
  await step(
    'Installing dependencies',
    async () => {
      const { code, output } = await npm([command, '--no-audit', '--no-fund'])
      if (code !== 0) throw new SetupError(`\`npm ${command}\` failed:\n${head(output)}`)
    },
    installed === 0 ? { estimateSeconds: 60 } : {},
  )
}

/** TypeScript knows by itself what is stale; the web app is built when a source is newer than its result. */
export async function buildSources() {
  await step('Compiling', async () => {
    const { code, output } = await run(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-b'],
      { cwd: root },
    )
    if (code !== 0) throw new SetupError(`TypeScript found errors:\n${tail(output, 30)}`)
  })
  if (!existsSync(join(root, 'web/index.html'))) return
  const sources = ['web', 'packages/client/src', 'packages/contracts/src'].map((path) =>
    newest(join(root, path)),
  )
  if (Math.max(...sources) <= modifiedAt(join(root, 'web/dist/index.html'))) return
  await step('Building the web app', async () => {
    const { code, output } = await npm(['run', 'build', '-w', 'web'])
    if (code !== 0) throw new SetupError(`The web app could not be built:\n${tail(output, 30)}`)
  })
}

const npm = (/** @type {string[]} */ args) =>
  process.env.npm_execpath
    ? run(process.execPath, [process.env.npm_execpath, ...args], { cwd: root })
    : run('npm', args, { cwd: root })

/** npm says what is wrong first, and then everything that it knows about the command. */
const head = (/** @type {string} */ text) =>
  text
    .split('\n')
    .filter((line) => /^npm error (?!.*--|\s*$)/.test(line))
    .slice(0, 8)
    .join('\n')

const tail = (/** @type {string} */ text, lines = 15) => text.trim().split('\n').slice(-lines).join('\n')

/**
 * @param {string} directory
 * @returns {number} when the youngest file below it was changed
 */
function newest(directory) {
  return readdirSync(directory, { withFileTypes: true }).reduce((latest, entry) => {
    if (['dist', 'node_modules'].includes(entry.name) || entry.name.endsWith('.tsbuildinfo')) return latest
    const path = join(directory, entry.name)
    return Math.max(latest, entry.isDirectory() ? newest(path) : modifiedAt(path))
  }, 0)
}
