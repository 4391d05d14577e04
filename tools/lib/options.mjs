import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './root.mjs'
import { SetupError } from './terminal.mjs'

const options = /** @type {const} */ ({
  profile: { type: 'string' },
  broker: { type: 'string' },
  stores: { type: 'string' },
  replicas: { type: 'string' },
  'port-offset': { type: 'string' },
  data: { type: 'string' },
  'run-file': { type: 'string' },
  'no-build': { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
})

/** Their ports are ten apart (run-file.mjs). */
const mostReplicas = 5

const usage = `  --profile <name>      the servers to run on: embedded (the default), redis, reference
  --broker <name>       a folder of components/brokers
  --stores <name>       a folder of components/stores
  --replicas <n>        of every service but the gateway, 1 to 5; not on the broker mqtt (npm start only)
  --port-offset <n>     adds n to every port, so that a second Parley can run beside the first; \`auto\` finds one
  --data <directory>    where .data/ is (the default: the root of the repository)
  --run-file <path>     another dapr.yaml
  --no-build            starts what is installed and compiled already
  --verbose             shows what the services log, too`

/**
 * @param {'start' | 'infra'} command
 * @param {readonly string[]} args
 */
export function readOptions(command, args) {
  const { values } = parse(args)
  if (values.help) {
    console.log(`npm ${command === 'start' ? 'start' : `run ${command}`} -- [options]\n${usage}`)
    process.exit(0)
  }
  const wish = values['port-offset'] ?? '0'
  /** @type {number | 'auto'} */
  const portOffset = wish === 'auto' ? 'auto' : Number(wish)
  if (portOffset !== 'auto' && !(Number.isInteger(portOffset) && portOffset >= 0 && portOffset <= 45_000)) {
    throw new SetupError(`--port-offset takes a whole number from 0 to 45000, or \`auto\`, not "${wish}".`)
  }
  if (command === 'infra' && values.replicas !== undefined) {
    throw new SetupError(
      'npm run infra starts no services, and `dapr run -f` starts one of each: --replicas is for npm start.',
    )
  }
  const replicas = Number(values.replicas ?? '1')
  if (!(Number.isInteger(replicas) && replicas >= 1 && replicas <= mostReplicas)) {
    throw new SetupError(
      `--replicas takes a whole number from 1 to ${mostReplicas}, not "${values.replicas}".`,
    )
  }
  return {
    replicas,
    profile: values.profile,
    broker: values.broker,
    stores: values.stores,
    portOffset,
    runDir: values.data === undefined ? root : resolve(values.data),
    runFile: values['run-file'] === undefined ? undefined : resolve(values['run-file']),
    build: values['no-build'] !== true,
    verbose: values.verbose === true,
  }
}

/**
 * The arguments of a command that has few options: `--help` prints the usage, what it does not know ends it with it.
 * @template {NonNullable<import('node:util').ParseArgsConfig['options']>} O
 * @param {string} usage
 * @param {O} own
 * @param {{ positionals?: boolean }} [more]
 */
export function readArguments(usage, own, { positionals = false } = {}) {
  try {
    const help = /** @type {const} */ ({ type: 'boolean', short: 'h' })
    const parsed = parseArgs({ options: { ...own, help }, allowPositionals: positionals })
    if (/** @type {{ help?: boolean }} */ (parsed.values).help) {
      console.log(usage)
      process.exit(0)
    }
    return parsed
  } catch (error) {
    const what = /** @type {Error} */ (error).message.split('. ')[0]
    throw new SetupError(`${what}. This is how it goes:\n${usage}`)
  }
}

function parse(/** @type {readonly string[]} */ args) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
  } catch (error) {
    const what = /** @type {Error} */ (error).message.split('. ')[0]
    throw new SetupError(`${what}. These are the options:\n${usage}`)
  }
}

/** @typedef {Omit<ReturnType<typeof readOptions>, 'portOffset'> & { portOffset: number }} Options */
