// npm run demo: two real clients exchange messages through the gateway of a running Parley, lose their connections on
// the way, and say whether anything was lost, doubled or out of order.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { bold, dim, exitWith, SetupError, say } from './lib/terminal.mjs'

const usage = `npm run demo -- [options]
  --url <address>       the gateway of a Parley that runs elsewhere (the default: the one that was started here)
  --data <directory>    where .data/ is of the Parley that was started here
  --messages <n>        how many messages altogether (1000)`

try {
  const options = readOptions()
  demandNode()
  await installDependencies()
  await buildSources()
  const url = options.url ?? (await runningHere(options.data))
  const { runDemo } = await import('./demo/run.mjs')
  const { checks, latencies, cuts } = await runDemo({ url, messages: options.messages })
  say()
  for (const { name, well, finding } of checks) say(`  ${well ? '✓' : '✗'} ${name.padEnd(12)} ${finding}`)
  say()
  for (const line of latencies) say(`    ${line}`)
  say()
  const well = checks.every((check) => check.well)
  say(bold(well ? 'All is well.' : 'Not all is well.'))
  say(dim(`${cuts} cuts; verified against the history, read back over HTTP from ${url}`))
  process.exit(well ? 0 : 1)
} catch (error) {
  exitWith(error)
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: 'string' },
        data: { type: 'string', default: root },
        messages: { type: 'string', default: '1000' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    const messages = Number(values.messages)
    if (!Number.isInteger(messages) || messages < 2 || messages > 100_000)
      throw new Error('--messages takes 2 to 100000')
    if (values.url !== undefined && !/^https?:\/\//.test(values.url))
      throw new Error('--url takes an http(s) address')
    return { url: values.url?.replace(/\/$/, ''), data: values.data, messages }
  } catch (error) {
    throw new SetupError(`${/** @type {Error} */ (error).message}. These are the options:\n${usage}`)
  }
}

/** @param {string} directory */
async function runningHere(directory) {
  const { readRunState } = await import('./lib/run-state.mjs')
  const { isAlive } = await import('./lib/processes.mjs')
  const hint =
    'start it with `npm start` in another terminal, or name another one with `npm run demo -- --url <address>`'
  for (let waited = 0; ; waited++) {
    const state = readRunState(join(directory, '.data'))
    if (!state || !isAlive(state.supervisor)) throw new SetupError(`No Parley runs here: ${hint}.`)
    if (state.state === 'ready') return state.urls.gateway
    if (state.state === 'stopping' || waited === 120)
      throw new SetupError(`Parley is ${state.state} here: ${hint}.`)
    if (waited === 0) say('Parley is starting: waiting for it.')
    await sleep(1_000)
  }
}
