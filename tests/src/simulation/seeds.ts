import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simulate } from './check.ts'

/** One test for so many seeds: so that a run shows how far it has come. */
const perTest = 50

/** Tests that all is well with each seed of [from, to]. One that fails says how to see it alone. */
export function testSeeds(from: number, to: number): void {
  describe(`simulation of realtime, messages, broker and store, seeds ${from} to ${to}`, () => {
    for (let first = from; first <= to; first += perTest) {
      const last = Math.min(to, first + perTest - 1)
      it(`seeds ${first} to ${last}`, async () => {
        for (let seed = first; seed <= last; seed++) assertWell(seed, await simulate(seed))
      })
    }
  })
}

function assertWell(seed: number, wrong: readonly string[]): void {
  if (wrong.length === 0) return
  const shown = wrong.slice(0, 5).join('\n  ')
  assert.fail(
    `Seed ${seed}:\n  ${shown}\nAll of it alone, line by line: node tests/dist/simulation/replay.js ${seed}`,
  )
}
