import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'

/** Holds whatever crosses the public protocol against its contract, and remembers what crossed. */
export interface Shapes {
  check(what: string, contract: z.ZodType, value: unknown): void
  note(what: string): void
  /** What did not fit. A test that ends with something in it has failed. */
  readonly wrong: readonly string[]
  /** `server entry`, `ack message:send`, `http postMessage 201` … */
  readonly seen: ReadonlySet<string>
}

export function createShapes(): Shapes {
  const wrong: string[] = []
  const seen = new Set<string>()
  return {
    wrong,
    seen,
    note: (what) => void seen.add(what),
    check(what, contract, value) {
      seen.add(what)
      const parsed = contract.safeParse(value)
      if (!parsed.success) wrong.push(`${what}: ${z.prettifyError(parsed.error)} in ${JSON.stringify(value)}`)
      // The contracts drop what they do not name; nothing of the kind may leave a service.
      else if (!isDeepStrictEqual(parsed.data, value))
        wrong.push(`${what} has more than its contract: ${JSON.stringify(value)}`)
    },
  }
}
