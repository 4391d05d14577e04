import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simulate } from './check.ts'
import { losesStored, plants } from './plants.ts'

describe('the simulation finds planted bugs', () => {
  for (const [name, { caught, within, options }] of Object.entries(plants))
    it(`${name}, within ${within} seeds`, async (t) => {
      const others: string[] = []
      for (let seed = 1; seed <= within; seed++) {
        const wrong = await simulate(seed, options())
        const found = wrong.find((violation) => caught.test(violation))
        if (found) return t.diagnostic(`seed ${seed}: ${found}`)
        others.push(...wrong.slice(0, 1))
      }
      assert.fail(`${within} seeds found nothing like ${caught}; they found ${JSON.stringify(others)}`)
    })
})

describe('what the system heals by itself', () => {
  it('two thirds of message.stored are lost: repeats and heads bring everything to everybody', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const wrong = await simulate(seed, { poison: 'none', plants: { brokerLoses: losesStored() } })
      // Of a conversation that begins meanwhile nobody has a head to compare: it is found at the next connect.
      const others = wrong.filter((violation) => !/ entries of c3/.test(violation))
      assert.deepEqual(others, [], `seed ${seed}`)
    }
  })
})
