// npm run restart: one replica after the other ends as it would at Ctrl-C, and `npm start` brings it back: with what is
// compiled and configured now. Nobody is cut off: others take over, or callers wait a moment.
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { readRunState } from './lib/run-state.mjs'
import { drainMs } from './lib/supervisor.mjs'
import { bold, exitWith, SetupError, say, step } from './lib/terminal.mjs'

const usage = `npm run restart [-- replica…]
  replica…              such as messages or messages-2; all but the gateway where none is named
  --data <directory>    where .data/ is of the Parley that runs here`

const backWithinMs = drainMs + 90_000

try {
  const { values, positionals } = readArguments(usage, { data: { type: 'string' } }, { positionals: true })
  const dataDir = join(resolve(values.data ?? root), '.data')
  const { apps } = stateOf(dataDir)
  const strange = positionals.find((name) => !apps[name])
  if (strange)
    throw new SetupError(`There is no replica "${strange}". There are: ${Object.keys(apps).join(', ')}.`)
  const names = positionals.length > 0 ? positionals : Object.keys(apps).filter((name) => name !== 'gateway')
  for (const name of names) await step(name, () => restart(dataDir, name))
  say()
  say(bold('All of them are new.'))
} catch (error) {
  exitWith(error)
}

function stateOf(/** @type {string} */ dataDir) {
  const run = readRunState(dataDir)
  if (run?.state !== 'ready') throw new SetupError('Parley does not run here: start it with `npm start`.')
  return run
}

/**
 * @param {string} dataDir
 * @param {string} name
 */
async function restart(dataDir, name) {
  const before = stateOf(dataDir).apps[name]
  if (!before?.pids.app)
    throw new SetupError(`${name} is not running at the moment: look at its log in ${dataDir}/logs.`)
  process.kill(before.pids.app, 'SIGTERM')
  for (const deadline = Date.now() + backWithinMs; Date.now() < deadline; await sleep(100)) {
    const now = stateOf(dataDir).apps[name]
    if (now?.state === 'ready' && now.restarts > before.restarts) return
  }
  throw new SetupError(
    `${name} did not get ready again, so the rest is as it was: look at its log in ${dataDir}/logs.`,
  )
}
