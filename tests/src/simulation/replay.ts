// Replays one seed of the simulation, and says all that happened on the way:
//   node tests/dist/simulation/replay.js <seed> [--plant <name>] [--quiet]
import { parseArgs } from 'node:util'
import { simulate } from './check.ts'
import { plants } from './plants.ts'

const { values, positionals } = parseArgs({
  options: { plant: { type: 'string' }, quiet: { type: 'boolean' } },
  allowPositionals: true,
})
const seed = Number(positionals[0])
const plant = values.plant === undefined ? undefined : plants[values.plant]
if (!Number.isInteger(seed) || (values.plant !== undefined && !plant)) {
  console.error(`A seed is needed; plants are ${Object.keys(plants).join(', ')}.`)
  process.exit(2)
}
const wrong = await simulate(seed, {
  ...plant?.options(),
  ...(values.quiet ? {} : { trace: (line: string) => console.log(line) }),
})
console.log(wrong.length === 0 ? `Seed ${seed}: all is well.` : `Seed ${seed}:\n${wrong.join('\n')}`)
process.exitCode = wrong.length === 0 ? 0 : 1
