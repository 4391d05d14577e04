import type { Clock } from '@parley/kit'

/** A seeded random source (mulberry32): a seed is a whole run. */
export interface Random {
  next(): number
  /** A whole number in [from, to]. */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (items) => items[between(0, items.length - 1)] as (typeof items)[number],
  }
}

interface Event {
  at: number
  order: number
  run: (() => void) | undefined
}

/** Virtual time: events in order of time, and between two of them every promise that can settle does. */
export class Time {
  #now = 1_700_000_000_000
  #order = 0
  readonly #heap: Event[] = []

  now = (): number => this.#now

  /** Hears what happens, one line each: where it is undefined nobody listens, and no line is made. */
  trace: ((line: string) => void) | undefined

  after(ms: number, run: () => void): { cancel(): void } {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#push(event)
    return {
      cancel: () => {
        event.run = undefined
      },
    }
  }

  async runUntil(done: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.#now + limitMs
    await settle()
    while (!done()) {
      const event = this.#pop()
      if (!event || event.at > end) return done()
      this.#now = Math.max(this.#now, event.at)
      if (!event.run) continue
      event.run()
      await settle()
    }
    return true
  }

  #push(event: Event): void {
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (before(heap[parent] as Event, event)) break
      heap[i] = heap[parent] as Event
      i = parent
    }
    heap[i] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1
      if (before(last, heap[child] as Event)) break
      heap[i] = heap[child] as Event
      i = child
    }
    heap[i] = last
    return first
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * A process that can be killed (nothing that it waits for ever comes) and stopped (all of it comes later, at once,
 * into a world that has moved on: a zombie). What it sent is on its way all the same.
 */
export class Process {
  alive = true
  readonly #waiting: (() => void)[] = []
  #stoppedUntil = 0
  readonly time: Time
  readonly name: string

  constructor(time: Time, name: string) {
    this.time = time
    this.name = name
  }

  stop(ms: number): void {
    this.time.trace?.(`${this.name} stands still for ${ms} ms`)
    this.#stoppedUntil = this.time.now() + ms
  }

  kill(): void {
    this.time.trace?.(`${this.name} is killed`)
    this.alive = false
  }

  get running(): boolean {
    return this.alive && this.time.now() >= this.#stoppedUntil
  }

  /** Runs in this process: now, when it goes on (in the order in which it came), or never. */
  enter(run: () => void): void {
    if (!this.alive) return
    if (this.running && this.#waiting.length === 0) run()
    else if (this.#waiting.push(run) === 1) this.#wake()
  }

  #wake(): void {
    const wait = this.#stoppedUntil - this.time.now()
    if (wait > 0) return void this.time.after(wait, () => this.#wake())
    for (const run of this.#waiting.splice(0)) if (this.alive) run()
  }

  readonly clock: Clock = {
    now: () => this.time.now(),
    setTimeout: (run, ms) => this.time.after(ms, () => this.enter(run)),
  }

  /** A call to elsewhere: out after `out` ms, done there whatever becomes of us, its answer back after `back` ms. */
  call<T>(out: number, back: number, work: () => Promise<T> | T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.time.after(out, () => {
        Promise.resolve()
          .then(work)
          .then(
            (value) => this.time.after(back, () => this.enter(() => resolve(value))),
            (error: unknown) => this.time.after(back, () => this.enter(() => reject(error))),
          )
      })
    })
  }
}
