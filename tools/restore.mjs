// npm run restore: what `npm run backup` made becomes the data of a Parley that is started next.
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { demandComplete, sync } from './backup/manifest.mjs'
import { readArguments } from './lib/options.mjs'
import { demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { clearRunState, holdDirectory } from './lib/run-state.mjs'
import { bold, exitWith, SetupError, say, step } from './lib/terminal.mjs'

const usage = `npm run restore -- --from <directory>
  --from <directory>    what \`npm run backup\` has made
  --data <directory>    where .data/ is to be (the default: the root of the repository); it must have no data yet`

try {
  const text = /** @type {const} */ ({ type: 'string' })
  const { values } = readArguments(usage, { from: text, data: text })
  if (!values.from) throw new SetupError(`Where from? This is how it goes:\n${usage}`)
  demandNode()
  await installDependencies()
  const runDir = resolve(values.data ?? root)
  await restore(resolve(values.from), join(runDir, '.data'))
  say()
  say(bold(`Restored. Now start it: npm start${values.data ? ` -- --data ${runDir}` : ''}`))
} catch (error) {
  exitWith(error)
}
process.exit(0)

/**
 * @param {string} from
 * @param {string} dataDir
 */
async function restore(from, dataDir) {
  if (existsSync(join(dataDir, 'postgres')))
    throw new SetupError(
      `There is data in ${dataDir} already: move it away, or name another place by --data.`,
    )
  await step('Checking the backup', async () => demandComplete(from))
  const [ours, theirs] = [dataDir, from].map((directory) => join(directory, 'secrets.json'))
  if (ours && existsSync(ours) && readFileSync(ours, 'utf8') !== readFileSync(String(theirs), 'utf8'))
    throw new SetupError(
      `${ours} is another one than the backup's, whose data only opens with its own: move it away, then copy by hand what is yours in it.`,
    )
  mkdirSync(dataDir, { recursive: true })
  const { placeCluster } = await import('./lib/postgres.mjs')
  await holdDirectory(dataDir, 0)
  try {
    copyFileSync(String(theirs), String(ours))
    for (const path of [String(ours), dataDir]) sync(path)
    // Last: a restore that was interrupted begins again.
    await step('Copying it to its place', () => placeCluster(join(from, 'postgres'), dataDir))
  } finally {
    clearRunState(dataDir)
  }
}
