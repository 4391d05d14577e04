import type { ConversationId, Entry } from '@parley/contracts'
import { ChatError, type RawDocument, type SidecarState, type StateItem } from '@parley/kit'
import { type Block, toEntry } from '@parley/messages'
import { poison } from './messages-node.ts'
import type { Process, Random, Time } from './time.ts'

export interface StoreFaults {
  /** Of a save: the caller gets no clear answer, whatever happened. */
  unclear: number
  /** Of a read: it fails. */
  readFails: number
  maxDelayMs: number
  /** How late a write may land whose caller was told nothing. */
  maxLateMs: number
  /** What holds a text that it does not take is refused for good, as daprd refuses what is too large. */
  refusesPoison: boolean
}

/** How a broken store behaves: each breaks a promise that the system rests on. */
export type BrokenStore = 'overwrites' | 'acknowledges-early' | undefined

/** The state API of a sidecar over one shared map. Every item of a save is a write of its own, as in daprd. */
export class SimulatedStore {
  readonly documents = new Map<string, RawDocument & { data: string }>()
  /** Every entry that was ever written, by conversation and seq, and when. */
  readonly entries = new Map<string, Map<number, Entry>>()
  readonly writtenAt = new Map<Entry, number>()
  /** Breaches that only the store can see. */
  readonly breaches: string[] = []
  /** Hears of each write, before its writer does. */
  onWrite: ((writer: Process) => void) | undefined
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
        if (this.#faults.refusesPoison && items.some(holdsPoison))
          return process.call(delay(), delay(), () => {
            throw new ChatError('internal')
          })
        if (this.#broken === 'acknowledges-early' && this.#random.chance(0.3)) {
          const late = this.#random.between(0, this.#faults.maxLateMs)
          this.#time.after(late, () => {
            if (process.alive) for (const item of items) this.#write(process, item)
          })
          return process.call(delay(), delay(), () => ({ outcome: 'saved' as const }))
        }
        if (this.#random.chance(this.#faults.unclear)) return this.#saveUnclearly(process, items)
        return process.call(delay(), delay(), () => {
          const written = items.map((item) => this.#write(process, item))
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
      this.#time.after(this.#random.between(0, late), () => this.#write(process, item))
    }
    return process.call(this.#random.between(0, 2_000), 0, () => ({ outcome: 'failed' as const }))
  }

  #write(writer: Process, item: StateItem): boolean {
    const { key } = item
    const known = this.documents.get(key)
    const free = item.etag === undefined ? !known : known?.etag === item.etag
    const taken = item.firstWrite && !free && this.#broken !== 'overwrites'
    this.#time.trace?.(`${writer.name} ${taken ? 'finds taken' : 'writes'} ${key}`)
    if (taken) return false
    if (known && key.startsWith('log:')) this.breaches.push(`${key} was written over`)
    this.documents.set(key, { data: item.value, etag: String(++this.#etag) })
    const [family, id = ''] = key.split(':')
    if (family === 'log') this.#note(id as ConversationId, item.value)
    this.onWrite?.(writer)
    return true
  }

  #note(id: ConversationId, data: string): void {
    const entries = this.entries.get(id) ?? new Map()
    this.entries.set(id, entries)
    for (const stored of blockIn(data).entries) {
      const entry = toEntry(id, stored)
      entries.set(entry.seq, entry)
      this.writtenAt.set(entry, this.#time.now())
    }
  }
}

export const blockIn = (data: string): Block => (JSON.parse(data) as { v: Block }).v

const holdsPoison = ({ key, value }: StateItem): boolean =>
  key.startsWith('log:') && value.includes(`"${poison}"`)
