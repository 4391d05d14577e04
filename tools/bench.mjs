// npm run bench: how fast, how many, how much. It starts a Parley of its own with the rates lifted, measures it, then a bare
// Socket.IO relay in the same way, and prints one table. bench/README.md says how to read it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { dim, exitWith, SetupError, say, step, warn } from './lib/terminal.mjs'

const usage = `npm run bench -- [options]
  --profile <name>        embedded (the default), redis
  --quick                 short and rough: about two minutes instead of eight
  --json <file>           writes all numbers there, too
  --cpu-prof <directory>  what each Node process of Parley spends its time on, for Chrome's developer tools`

/** @type {(() => Promise<void>)[]} */
const cleanups = []
const cleanUp = async () => {
  for (const task of cleanups.splice(0).reverse()) await task().catch(() => {})
}
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    say(dim('Stopping.'))
    void cleanUp().then(() => process.exit(130))
  })
}

try {
  const options = readOptions()
  demandNode()
  await installDependencies()
  await buildSources()
  await main(options)
  await cleanUp()
  process.exit(0)
} catch (error) {
  await cleanUp()
  exitWith(error)
}

/** @param {ReturnType<typeof readOptions>} options */
async function main(options) {
  const { quick, whole } = await import('../bench/plan.mjs')
  const plan = options.quick ? quick : whole
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`
  const busy = loadavg()[0] ?? 0
  if (busy > 0.5)
    warn(`This machine is busy (load ${busy.toFixed(1)}): the numbers will be worse than what it can do.`)

  const parley = await measureParley(plan, options)
  const relay = await measureRelay(plan)
  const { processTable, resultTable } = await import('../bench/report.mjs')
  say()
  say(resultTable(parley, relay.results, plan, options.profile))
  say()
  say(processTable(parley, plan))
  say()
  say(dim(`${machine}; the load runs on the same cores. ${relay.adapter}`))
  if (options.json) {
    const report = {
      at: new Date().toISOString(),
      machine,
      busy,
      profile: options.profile,
      plan,
      parley,
      relay,
    }
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  }
}

/**
 * @param {import('../bench/plan.mjs').Plan} plan
 * @param {ReturnType<typeof readOptions>} options
 */
async function measureParley(plan, { profile, cpuProfiles }) {
  const { startParley } = await import('../bench/parley.mjs')
  if (cpuProfiles) mkdirSync(cpuProfiles, { recursive: true })
  const parley = await step(`Parley starts (${profile}, rates lifted)`, () =>
    startParley({ profile, cpuProfiles }),
  )
  cleanups.push(parley.stop)
  const load = await startLoad()
  await step(`${plan.people} people sign up`, () =>
    load.call('signUp', { url: parley.url, count: plan.people }),
  )
  const { url, groups, storedBytes } = parley
  const target = { kind: /** @type {const} */ ('parley'), url, load, groups, storedBytes }
  const results = await measure(target, plan, ['realtime', 'gateway'])
  const { historyPages } = await import('../bench/scenarios.mjs')
  const history = await step(`History pages in a room of ${plan.history.messages}`, () =>
    historyPages(target, plan.history),
  )
  await load.stop()
  await step('Parley stops', parley.stop)
  cleanups.length = 0
  return { ...results, history }
}

/** @param {import('../bench/plan.mjs').Plan} plan */
async function measureRelay(plan) {
  const { startHelper } = await import('../bench/rpc.mjs')
  const redisUrl = await startOwnRedis()
  const relay = startHelper(new URL('../bench/relay.mjs', import.meta.url))
  cleanups.push(relay.stop)
  const { url } = await relay.call('listen', { ...(redisUrl && { redisUrl }) })
  const load = await startLoad()
  const target = { kind: /** @type {const} */ ('relay'), url, load, groups: () => ({ relay: [relay.pid] }) }
  const results = await measure(target, plan, ['relay'])
  await cleanUp()
  return {
    results,
    adapter: redisUrl
      ? 'The relay uses the Redis adapter.'
      : 'The relay runs without Redis: there is no redis-server here.',
  }
}

/** @returns {Promise<string | undefined>} */
async function startOwnRedis() {
  const { findProgram } = await import('./lib/packages.mjs')
  if (!findProgram('redis-server')) return undefined
  const { startRedis } = await import('./lib/redis.mjs')
  const { freePort } = await import('./lib/ports.mjs')
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-bench-redis-'))
  cleanups.push(async () => rmSync(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const redis = await startRedis({ dataDir, port, password: 'bench' })
  cleanups.push(redis.stop)
  return `redis://:bench@127.0.0.1:${port}`
}

async function startLoad() {
  const { startHelper } = await import('../bench/rpc.mjs')
  const load = startHelper(new URL('../bench/load.mjs', import.meta.url))
  cleanups.push(load.stop)
  return load
}

/**
 * What both are measured by. The idle connections come first: later the heap has grown for other reasons.
 * @param {import('../bench/scenarios.mjs').Target} target
 * @param {import('../bench/plan.mjs').Plan} plan
 * @param {string[]} holders
 */
async function measure(target, plan, holders) {
  const { highestRate, idleConnections, largeRoom, steadyPairs } = await import('../bench/scenarios.mjs')
  const who = target.kind === 'parley' ? 'Parley' : 'Bare relay'
  const idle = await step(`${who}: ${plan.idle.connections} idle connections`, () =>
    idleConnections(target, { ...plan.idle, people: plan.people, holders }),
  )
  await step(`${who}: ${plan.warm.seconds} s to get warm`, () => steadyPairs(target, plan.warm))
  const steady = await step(`${who}: ${plan.steady.perSecond} msg/s in ${plan.steady.rooms} rooms of 2`, () =>
    steadyPairs(target, plan.steady),
  )
  const large = await step(`${who}: one room of ${plan.large.members}`, () => largeRoom(target, plan.large))
  const capacity = await step(`${who}: highest rate in ${plan.capacity.rooms} rooms of 2`, () =>
    highestRate(target, plan.capacity),
  )
  return { idle, steady, large, capacity }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        profile: { type: 'string', default: 'embedded' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        'cpu-prof': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    const { profile, quick, json } = values
    const cpuProfiles = values['cpu-prof'] === undefined ? undefined : resolve(values['cpu-prof'])
    return { profile, quick, json, cpuProfiles }
  } catch (error) {
    throw new SetupError(`${/** @type {Error} */ (error).message}. These are the options:\n${usage}`)
  }
}
