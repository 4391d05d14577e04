import type { EventContract } from '@parley/contracts'
import { ChatError, type Sidecar } from '@parley/kit'
import { say } from './say.ts'
import type { Process, Random, Time } from './time.ts'

export interface BrokerFaults {
  /** Of an event: it comes twice. */
  doubled: number
  /** Of an event that was taken: it is lost all the same (a broker that keeps it in memory was restarted). */
  lost: number
  /** Of a publish: it fails, although half of the time the event was taken. */
  publishFails: number
  maxDelayMs: number
  maxLateMs: number
}

export interface Consumer {
  readonly process: Process
  /** Rejects where the event must come again. */
  consume(topic: string, data: unknown, id: string): Promise<void>
}

interface Event {
  readonly topic: string
  readonly data: unknown
  readonly id: string
}

/** At least once, in any order, to one of the consumers of a topic. */
export class SimulatedBroker {
  readonly #consumers = new Map<string, Consumer[]>()
  /** Events that are out, so that a run does not end before they have arrived. */
  underway = 0
  #events = 0
  readonly #time: Time
  readonly #random: Random
  readonly #faults: BrokerFaults
  readonly #loses: (topic: string) => boolean

  constructor(
    time: Time,
    random: Random,
    faults: BrokerFaults,
    loses: (topic: string) => boolean = () => false,
  ) {
    this.#time = time
    this.#random = random
    this.#faults = faults
    this.#loses = loses
  }

  subscribe(topics: readonly string[], consumer: Consumer): void {
    for (const topic of topics)
      this.#consumers.set(topic, [
        ...(this.#consumers.get(topic) ?? []).filter((c) => c.process.alive),
        consumer,
      ])
  }

  connect(process: Process): Pick<Sidecar, 'publish' | 'publishRaw'> {
    const delay = (): number => this.#random.between(0, this.#faults.maxDelayMs)
    const publishRaw = (topic: string, data: unknown): Promise<void> => {
      // As on a wire: nobody changes it after it was sent.
      const sent: unknown = JSON.parse(JSON.stringify(data))
      return process.call(delay(), delay(), () => {
        const fails = this.#random.chance(this.#faults.publishFails)
        const takes = !fails || this.#random.chance(0.5)
        this.#time.trace?.(
          `${process.name} publishes ${topic} ${say(sent)}${fails ? (takes ? ', unanswered' : ', in vain') : ''}`,
        )
        if (takes) this.#take(topic, sent)
        if (fails) throw new ChatError('unavailable')
      })
    }
    return { publishRaw, publish: (event: EventContract, data: unknown) => publishRaw(event.topic, data) }
  }

  #take(topic: string, data: unknown): void {
    if (this.#random.chance(this.#faults.lost) || this.#loses(topic)) {
      this.#time.trace?.(`the broker loses ${topic} ${say(data)}`)
      return
    }
    const event = { topic, data, id: String(++this.#events) }
    this.#bring(event, 0)
    if (this.#random.chance(this.#faults.doubled)) this.#bring(event, 0)
  }

  #bring(event: Event, attempt: number): void {
    const { topic, data, id } = event
    this.underway += 1
    const late = this.#random.chance(0.05) ? this.#faults.maxLateMs : this.#faults.maxDelayMs
    const wait = attempt === 0 ? this.#random.between(0, late) : Math.min(5_000, 100 * 2 ** attempt)
    this.#time.after(wait, () => {
      this.underway -= 1
      const consumers = (this.#consumers.get(topic) ?? []).filter(({ process }) => process.running)
      if (consumers.length === 0) return this.#bring(event, attempt + 1)
      const { process, consume } = this.#random.pick(consumers)
      this.#time.trace?.(
        `${process.name} gets ${topic} ${say(data)}${attempt > 0 ? ` (${attempt + 1})` : ''}`,
      )
      let settled = false
      this.underway += 1
      const end = (done: boolean): void => {
        if (settled) return
        settled = true
        this.underway -= 1
        if (!done) this.#bring(event, attempt + 1)
      }
      // A consumer that says nothing for so long is taken for dead.
      this.#time.after(15_000, () => end(false))
      process.enter(() => {
        consume(topic, data, id).then(
          () => process.enter(() => end(true)),
          () => process.enter(() => end(false)),
        )
      })
    })
  }
}
