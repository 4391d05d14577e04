import { ChatError, type RawDocument, type SidecarState, type StateItem } from '@parley/kit'
import type { Process, Random, Time } from './time.ts'

export interface StoreFaults {
  /** Of a save: the caller gets no clear answer, whatever happened. */
  unclear: number
  /** Of a read: it fails. */
  readFails: number
  maxDelayMs: number
  /** How late a write may land whose caller was told nothing. */
  maxLateMs: number
}

/** How a broken store behaves: each breaks a promise that the system rests on. */
export type BrokenStore = 'overwrites' | 'acknowledges-early' | undefined

/** The state API of a sidecar over one shared map. Every item of a save is a write of its own, as in daprd. */
export class SimulatedStore {
  readonly documents = new Map<string, RawDocument & { data: string }>()
  /** Breaches that only the store can see. */
  readonly breaches: string[] = []
  #etag = 0
  readonly #time: Time
  readonly #random: Random
  readonly #faults: StoreFaults
  readonly #broken: BrokenStore

  constructor(time: Time, random: Random, faults: StoreFaults, broken: BrokenStore) {
    this.#time = time
    this.#random = random
    this.#faults = faults
    this.#broken = broken
  }

  connect(process: Process): SidecarState {
    const delay = (): number => this.#random.between(0, this.#faults.maxDelayMs)
    const read = <T>(work: () => T): Promise<T> =>
      process.call(delay(), delay(), () => {
        if (this.#random.chance(this.#faults.readFails)) throw new ChatError('unavailable')
        return work()
      })
    return {
      getBulk: (_store, keys) =>
        read(() => {
          const found = new Map<string, RawDocument>()
          for (const key of keys) {
            const document = this.documents.get(key)
            if (document) found.set(key, document)
          }
          return found
        }),
      save: (_store, items) => {
        if (this.#broken === 'acknowledges-early' && this.#random.chance(0.3)) {
          const late = this.#random.between(0, this.#faults.maxLateMs)
          this.#time.after(late, () => {
            if (process.alive) for (const item of items) this.#write(item)
          })
          return process.call(delay(), delay(), () => ({ outcome: 'saved' as const }))
        }
        if (this.#random.chance(this.#faults.unclear)) return this.#saveUnclearly(process, items)
        return process.call(delay(), delay(), () => {
          const written = items.map((item) => this.#write(item))
          if (written.every(Boolean)) return { outcome: 'saved' as const }
          // Stores differ in how they say that a key is taken: some clearly, some with a mere error.
          return { outcome: this.#random.chance(0.5) ? ('refused' as const) : ('failed' as const) }
        })
      },
      delete: (_store, key) => read(() => void this.documents.delete(key)),
    }
  }

  /** Each item lands in time, late, or never; the caller is told that it failed. */
  #saveUnclearly(process: Process, items: readonly StateItem[]): ReturnType<SidecarState['save']> {
    for (const item of items) {
      if (this.#random.chance(0.3)) continue
      const late = this.#random.chance(0.5) ? this.#faults.maxLateMs : this.#faults.maxDelayMs
      this.#time.after(this.#random.between(0, late), () => this.#write(item))
    }
    return process.call(this.#random.between(0, 2_000), 0, () => ({ outcome: 'failed' as const }))
  }

  #write(item: StateItem): boolean {
    const known = this.documents.get(item.key)
    const free = item.etag === undefined ? !known : known?.etag === item.etag
    if (item.firstWrite && !free && this.#broken !== 'overwrites') return false
    if (known && item.key.startsWith('log:')) this.breaches.push(`${item.key} was written over`)
    this.documents.set(item.key, { data: item.value, etag: String(++this.#etag) })
    return true
  }
}
