// npm start: from a bare clone to a running Parley. Only Node's built-ins may be imported here and by what this imports
// directly: nothing is installed yet. lib/system.mjs comes when it is.
import { provideDapr } from './dapr.mjs'
import { readOptions } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { endCommands, exitWith, say } from './lib/terminal.mjs'

const stopping = new AbortController()
const hurry = new AbortController()
let stoppingSince = 0
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    if (!stopping.signal.aborted) {
      stoppingSince = Date.now()
      stopping.abort(new Error(signal))
      endCommands()
    } else if (Date.now() - stoppingSince > 500) {
      // Within half a second it is the same Ctrl-C: the terminal sends it to us and to npm, and npm passes it on to us.
      hurry.abort()
    }
  })
}
// The terminal may be gone (SIGHUP): stopping in order matters more than saying so.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

/** @type {import('./lib/system.mjs').System | undefined} */
let system
/** @type {unknown} */
let failure
/** @param {ReturnType<typeof readOptions>} options */
const settle = async (options) => {
  const { choosePortOffset } = await import('./lib/run-file.mjs')
  return { ...options, portOffset: await choosePortOffset(options.portOffset, options.replicas) }
}
try {
  demandNode()
  const options = readOptions('start', process.argv.slice(2))
  if (options.build) {
    await installDependencies()
    await buildSources()
  }
  const binaries = await provideDapr()
  stopping.signal.throwIfAborted()
  const { showHowToGoOn, System } = await import('./lib/system.mjs')
  system = new System({ options: await settle(options), binaries, signal: stopping.signal })
  await system.start()
  showHowToGoOn(system)
  await Promise.race([
    new Promise((resolve) => stopping.signal.addEventListener('abort', resolve)),
    system.broken,
  ])
} catch (error) {
  if (!stopping.signal.aborted) failure = error
}
if (system) {
  if (system.supervisors.length > 0)
    say(
      '\nStopping: services write what they hold, then their sidecars and the servers end. (Ctrl-C again: at once.)',
    )
  await system.stop(hurry.signal)
  if (system.supervisors.length > 0) say('Stopped.')
}
if (failure) exitWith(failure)
process.exit(stopping.signal.aborted && !system ? 130 : 0)
