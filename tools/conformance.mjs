// npm run conformance: every broker and every set of stores through the same checks (tests/src/conformance), with one
// and with two replicas, and how fast each is. Each row of docs/conformance.md is written when it is done; a run of some
// rows leaves the others as they are.
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { bold, complain, exitWith, SetupError, say } from './lib/terminal.mjs'

const usage = `npm run conformance [-- options]
  --profile <name>              only the rows of a profile: embedded, redis, reference
  --broker <name>               only those on this folder of components/brokers
  --stores <name>               only those on this folder of components/stores; a broker and stores that are no row of
                                the table become one
  --replicas <n>                only those with so many replicas
  --check <name>                only this check, such as "store restart"; nothing is measured or written
  --no-bench                    measures nothing
  --dry-run                     says what would run`

try {
  const options = readOptions()
  demandNode()
  await installDependencies()
  await buildSources()
  process.exit((await main(options)) ? 0 : 1)
} catch (error) {
  exitWith(error)
}

/** @param {ReturnType<typeof readOptions>} options */
async function main({ profile, broker, stores, replicas, bench, only, dryRun }) {
  const { combinationsFor, nameOf } = await import('./conformance/combinations.mjs')
  const { checks } = await import('../tests/dist/conformance/checks.js')
  const names = checks.map(({ name }) => name)
  if (only !== undefined && !names.includes(only))
    throw new SetupError(`There is no check "${only}". There are: ${names.join(', ')}.`)
  const combinations = combinationsFor({ profile, broker, stores, replicas })
  for (const combination of combinations) if (dryRun) say(nameOf(combination))
  if (dryRun) return true
  const { writeRow } = await import('./conformance/page.mjs')
  const { startHelper } = await import('../bench/rpc.mjs')
  let isFine = true
  for (const [index, combination] of combinations.entries()) {
    say(bold(`${index + 1} of ${combinations.length}: ${nameOf(combination)}`))
    // In a process of its own: whatever one leaves behind does not disturb the next.
    const helper = startHelper(new URL('./conformance/row.mjs', import.meta.url))
    /** @type {{ row?: import('./conformance/row.mjs').Row, missing?: string }} */
    const { row, missing } = await helper
      .call('run', { combination, bench, only })
      .catch((error) => ({ missing: error.message }))
    await helper.stop()
    if (missing !== undefined) complain(missing)
    isFine &&= row !== undefined && Object.values(row.checks).every(({ passed }) => passed)
    if (row && only === undefined) writeRow(row)
  }
  say()
  say(isFine ? 'All of them conform.' : 'Not all of them conform: what failed is above.')
  return isFine
}

function readOptions() {
  const { values } = readArguments(usage, {
    profile: { type: 'string' },
    broker: { type: 'string' },
    stores: { type: 'string' },
    replicas: { type: 'string' },
    check: { type: 'string' },
    'no-bench': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  })
  const { profile, broker, stores, check: only, 'no-bench': noBench = false, 'dry-run': dryRun } = values
  const replicas = values.replicas === undefined ? undefined : Number(values.replicas)
  if (replicas !== undefined && !(Number.isInteger(replicas) && replicas > 0))
    throw new SetupError(`--replicas takes a whole number from 1, not "${values.replicas}".`)
  return { profile, broker, stores, replicas, only, bench: !noBench && only === undefined, dryRun }
}
