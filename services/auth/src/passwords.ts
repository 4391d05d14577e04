import { hash, type Options, verify } from '@node-rs/argon2'
import { ChatError } from '@parley/kit'

/**
 * OWASP's first choice for argon2id. 15 ms and 19 MiB a hash on one core of the reference machine, 140 hashes a
 * second on its two. `algorithm: 2` is Argon2id: the library's enum is a `const enum`, which isolated modules cannot read.
 */
const parameters: Options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/**
 * The library hashes on libuv's thread pool (4 threads), which the file system and DNS need too: two at a time keep
 * half of it free. Who would wait for more than about 4 s is told so at once instead.
 */
const concurrency = 2
const waitingMost = 512

export interface Passwords {
  hash(password: string): Promise<string>
  /** Costs the same time without a stored hash: whether a user exists cannot be measured. Then false. */
  verify(stored: string | undefined, password: string): Promise<boolean>
}

/** At most `concurrency` of them run; `waitingMost` wait in line; more are refused with `overloaded`. */
export function createLine(concurrency: number, waitingMost: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < concurrency) running++
    else {
      if (waiting.length >= waitingMost) throw new ChatError('overloaded', { retryAfterMs: 2_000 })
      // Whoever ends hands its place on, so a newcomer cannot slip in between.
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}

export function createPasswords(options: Options = parameters): Passwords {
  const inLine = createLine(concurrency, waitingMost)
  // Composed and decomposed letters look the same on two keyboards (RFC 8265, OpaqueString).
  const prepare = (password: string): string => password.toWellFormed().normalize('NFC')
  const nobody = hash('nobody has this password', options)
  return {
    hash: (password) => inLine(() => hash(prepare(password), options)),
    async verify(stored, password) {
      const reference = stored ?? (await nobody)
      const right = await inLine(() => verify(reference, prepare(password)))
      return right && stored !== undefined
    },
  }
}
