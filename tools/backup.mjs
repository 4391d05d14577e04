// npm run backup: a copy of a running Parley's data, for `npm run restore`.
import { join, resolve } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { readRunState } from './lib/run-state.mjs'
import { loadSecrets } from './lib/secrets.mjs'
import { bold, dim, exitWith, SetupError, say, step } from './lib/terminal.mjs'

const usage = `npm run backup -- --to <directory>
  --to <directory>      a new one; it holds all that was said and every key, so keep it as you keep secrets
  --data <directory>    where .data/ is of the Parley that runs here`

try {
  const text = /** @type {const} */ ({ type: 'string' })
  const { values } = readArguments(usage, { to: text, data: text })
  if (!values.to) throw new SetupError(`Where to? This is how it goes:\n${usage}`)
  demandNode()
  await installDependencies()
  const to = resolve(values.to)
  const dataDir = join(resolve(values.data ?? root), '.data')
  const { port, password } = serverOf(dataDir)
  const { backUp } = await import('./backup/back-up.mjs')
  const { files, bytes } = await step('Copying while Parley runs', () =>
    backUp({ dataDir, to, port, password }),
  )
  say()
  say(bold(`${files} files, ${(bytes / 2 ** 20).toFixed(0)} MiB, are in ${to}.`))
  say(
    dim(`All that was acknowledged before is in it. To use it: npm run restore -- --from ${to} --data <new>`),
  )
} catch (error) {
  exitWith(error)
}
process.exit(0)

/**
 * Everything must be in the PostgreSQL that Parley started itself: of other servers it knows too little.
 * @param {string} dataDir
 */
function serverOf(dataDir) {
  const run = readRunState(dataDir)
  if (run?.state !== 'ready') {
    throw new SetupError(
      'Parley does not run here. Where it is stopped, the directory .data is the backup: copy it as it is.',
    )
  }
  const secrets = loadSecrets(dataDir)
  const elsewhere = Object.keys(secrets).filter((name) => name.endsWith('-store-url'))
  const port = run.servers.postgres?.port
  if (run.profile.stores !== 'postgres' || port === undefined || elsewhere.length > 0) {
    throw new SetupError(
      'This makes a copy of the PostgreSQL that `npm start` brings along, and here (some of) the data is elsewhere: docs/operations.md says how other servers are backed up.',
    )
  }
  return { port, password: String(secrets['postgres-password']) }
}
