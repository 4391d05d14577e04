/** How long a fact may take on a busy machine. */
export const patienceMs = 30_000

export interface Heard {
  readonly name: string
  readonly payload: unknown
}

/** Remembers what comes, so that a test waits for facts in any order. */
export interface Hearing {
  hear(name: string, payload: unknown): void
  readonly heard: readonly Heard[]
  /** What `find` finds, whether it came already or is still to come. */
  until<T>(what: string, find: () => { readonly found: T } | undefined, ms?: number): Promise<T>
  /** For `until`: the first of this name that fits. */
  first<T>(name: string, fits?: (payload: T) => boolean): () => { readonly found: T } | undefined
  forget(): void
}

export function createHearing(): Hearing {
  const heard: Heard[] = []
  const waiting = new Set<() => void>()
  return {
    heard,
    hear(name, payload) {
      heard.push({ name, payload })
      for (const look of [...waiting]) look()
    },
    until: (what, find, ms = patienceMs) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          settle()
        }
        const timer = setTimeout(() => end(() => reject(new Error(missing(what, ms, heard)))), ms)
        const look = () => {
          const hit = find()
          if (hit) end(() => resolve(hit.found))
        }
        waiting.add(look)
        look()
      }),
    first:
      <T>(name: string, fits: (payload: T) => boolean = () => true) =>
      () => {
        const hit = heard.find((one) => one.name === name && fits(one.payload as T))
        return hit && { found: hit.payload as T }
      },
    forget: () => void heard.splice(0),
  }
}

function missing(what: string, ms: number, heard: readonly Heard[]): string {
  const lines = heard.slice(-40).map(({ name, payload }) => `  ${name} ${JSON.stringify(payload)}`)
  return `"${what}" did not come within ${ms} ms. The last that came:\n${lines.join('\n')}`
}
