import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { simulate } from './check.ts'
import type { Options } from './world.ts'

async function historyOf(seed: number, options: Options = {}): Promise<string[]> {
  const history: string[] = []
  await simulate(seed, { ...options, trace: (line) => void history.push(line) })
  return history
}

describe('a seed is a whole run', () => {
  it('the same seed twice has the same history, whatever kind of run it is', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [first, second] = [await historyOf(seed), await historyOf(seed)]
      assert.ok(first.length > 100, `seed ${seed} says what happens`)
      assert.deepEqual(second, first, `seed ${seed}`)
    }
    for (const poison of ['unstorable', 'blind'] as const)
      assert.deepEqual(await historyOf(7, { poison }), await historyOf(7, { poison }), poison)
  })

  it('other seeds have other histories', async () => {
    assert.notDeepEqual(await historyOf(1), await historyOf(2))
  })

  it('its replay in a process of its own tells the same history, and its verdict', async () => {
    const replay = fileURLToPath(new URL('replay.js', import.meta.url))
    const { stdout, status } = spawnSync(process.execPath, [replay, '3'], { encoding: 'utf8' })
    const history = await historyOf(3)
    assert.deepEqual(stdout.trimEnd().split('\n'), [...history, 'Seed 3: all is well.'])
    assert.equal(status, 0)
  })

  it('a replay with a planted bug fails, and says what is wrong', () => {
    const replay = fileURLToPath(new URL('replay.js', import.meta.url))
    const args = [replay, '1', '--plant', 'inbox-lost', '--quiet']
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.match(stdout, /c\d is not among the conversations of/)
    assert.equal(status, 1)
  })
})
