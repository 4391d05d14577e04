import { basename } from 'node:path'

/**
 * The seeds that a file runs: `PARLEY_SEED=7` replays one, `PARLEY_SEEDS=500` makes it a long search, which begins at
 * another place each day.
 */
export function seedsOf(usual: number): number[] {
  const one = process.env.PARLEY_SEED
  if (one !== undefined) return [Number(one)]
  const many = process.env.PARLEY_SEEDS
  const first = many === undefined ? 1 : Math.floor(Date.now() / 86_400_000) * 1_000
  return Array.from({ length: Number(many ?? usual) }, (_, i) => first + i)
}

/** Runs the test of one seed, and says how to run it again where it fails. */
export async function withSeed(seed: number, file: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const replay = `PARLEY_SEED=${seed} npm test -- ${basename(file, '.js')}`
    error.message = `seed ${seed} failed, again with: ${replay}\n${error.message}`
    throw error
  }
}
