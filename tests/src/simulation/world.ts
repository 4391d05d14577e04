import type { Command, ConversationId, UserId } from '@parley/contracts'
import { ChatError, type Logger } from '@parley/kit'
import type { BatcherLimits } from '@parley/realtime'
import { type BrokerFaults, SimulatedBroker } from './broker.ts'
import { type MessagesNode, type MessagesPlants, startMessagesNode } from './messages-node.ts'
import { Person, type Sent } from './person.ts'
import { type Backend, type RealtimeDeps, type RealtimeNode, startRealtimeNode } from './realtime-node.ts'
import { schedule } from './schedule.ts'
import { type BrokenStore, SimulatedStore, type StoreFaults } from './store.ts'
import { createRandom, Process, type Random, Time } from './time.ts'

/**
 * The item that cannot be handled: none, one that the store refuses, so that `messages` finds out by itself, or one that
 * makes the consumer of its event fail, so that only the batcher can.
 */
export type Poison = 'none' | 'unstorable' | 'blind'

/** Bugs that are planted; none where all is left out. */
export interface Plants extends MessagesPlants {
  readonly brokenStore?: BrokenStore
  /** Whether the broker loses an event that it took, beside what the seed says. */
  readonly brokerLoses?: (topic: string) => boolean
  readonly batcherLimits?: Partial<BatcherLimits>
  readonly delivery?: NonNullable<RealtimeDeps['delivery']>
}

export interface Options {
  readonly plants?: Plants
  readonly poison?: Poison
  /** Hears what happens, one line each, with its time in ms. */
  readonly trace?: (line: string) => void
}

/** The time in which someone may have been out of a conversation: from the request to remove to the addition's answer. */
export interface Absence {
  readonly user: UserId
  readonly from: number
  to: number
}

const silent = Object.fromEntries(
  ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, () => {}]),
) as unknown as Logger

export const faultyMs = 20_000
/** After the faults nothing takes longer than this: the last client comes back, sends again and has its answer. */
const quietMs = 150_000
const convergenceMs = 60_000

/** One run: people, nodes, faults for 20 s, and then quiet until everything has its outcome and has arrived. */
export class World {
  readonly time = new Time()
  readonly random: Random
  readonly store: SimulatedStore
  readonly people: Person[] = []
  readonly conversations = ['c1', 'c2', 'c3'] as ConversationId[]
  /** What was posted over HTTP. */
  readonly posts: { readonly user: UserId; readonly sent: Map<ConversationId, Sent[]> } = {
    user: 'dan' as UserId,
    sent: new Map(),
  }
  readonly absences: Absence[] = []
  /** Up to where heads may never have been told, because the replica that knew them was killed. */
  readonly untold = new Map<ConversationId, number>()
  readonly violations: string[] = []
  readonly poison: Poison
  messages: MessagesNode[] = []
  realtime: RealtimeNode[] = []
  /** What was begun and is not over, beside what people wait for. */
  busy = 0
  readonly #options: Options
  readonly #broker: SimulatedBroker
  readonly #cluster: RealtimeNode[] = []
  readonly #outside: Process
  readonly #faults: StoreFaults & BrokerFaults & { adapterLoses: number }
  readonly #headsEveryMs: number
  readonly #oneLanePerEvent: boolean
  #names = 0

  constructor(seed: number, options: Options = {}) {
    this.#options = options
    this.#oneLanePerEvent = seed % 4 === 0
    const { trace } = options
    const begin = this.time.now()
    if (trace) this.time.trace = (line) => trace(`${String(this.time.now() - begin).padStart(6)} ${line}`)
    const random = createRandom(seed)
    this.random = random
    const lot = random.next()
    this.poison = options.poison ?? (lot < 0.2 ? 'unstorable' : lot < 0.3 ? 'blind' : 'none')
    // Some runs are calm in one respect, so that the faults of another stand alone.
    const often = (probability: number): number => (random.chance(0.3) ? 0 : probability)
    this.#faults = {
      unclear: often(0.03),
      readFails: often(0.02),
      doubled: often(0.1),
      lost: often(0.01),
      publishFails: often(0.03),
      adapterLoses: often(0.05),
      maxDelayMs: random.pick([2, 10, 40]),
      maxLateMs: random.pick([200, 4_000, 12_000]),
      refusesPoison: this.poison === 'unstorable',
    }
    this.#headsEveryMs = random.pick([1_000, 5_000])
    this.store = new SimulatedStore(this.time, random, this.#faults, options.plants?.brokenStore)
    this.#broker = new SimulatedBroker(this.time, random, this.#faults, options.plants?.brokerLoses)
    this.#outside = new Process(this.time, 'outside')
  }

  async run(): Promise<void> {
    const { random, time } = this
    const replicas = random.between(1, 2)
    for (let i = 0; i < replicas; i++) this.#startMessages()
    for (let i = 0; i < random.between(1, 2); i++) this.#startRealtime()
    for (const name of ['ann', 'bob', 'cid', 'mal']) this.#addPerson(name as UserId)
    if (!(await this.until(this.#setUp(), 400_000)))
      return void this.violations.push('the set-up never ended')
    const end = time.now() + faultyMs
    schedule(this)
    time.after(faultyMs, () => this.#calm())
    await time.runUntil(() => time.now() >= end, faultyMs + 1_000)
    if (!(await time.runUntil(() => this.busy === 0 && this.#answered(), quietMs)))
      this.violations.push(`not everything had its outcome: ${this.#open()}`)
    // What is lost shows by itself: with the next entry, with the heads, or when a client comes back.
    await time.runUntil(() => this.#broker.underway === 0 && this.#arrived(), convergenceMs)
  }

  /** Runs the world until a promise of ours has settled. */
  async until(promise: Promise<unknown>, ms: number): Promise<boolean> {
    let settled = false
    promise.then(
      () => {
        settled = true
      },
      (error: unknown) => {
        settled = true
        this.violations.push(String(error))
      },
    )
    return this.time.runUntil(() => settled, ms)
  }

  /** A read when all is over, by a replica that knows nothing yet: what it answers comes from the store. */
  async ask<T>(
    what: string,
    wrong: string[],
    ask: (node: MessagesNode) => Promise<T>,
  ): Promise<T | undefined> {
    let answer: T | undefined
    const asked = ask(this.#startMessages()).then(
      (value) => {
        answer = value
      },
      (error: unknown) => {
        wrong.push(`${what} cannot be read: ${String(error)}`)
      },
    )
    if (!(await this.until(asked, 60_000))) wrong.push(`${what} is never read`)
    return answer
  }

  #answered(): boolean {
    return this.people.every((person) => person.settled && person.connected)
  }

  #arrived(): boolean {
    return this.conversations.every((id) => {
      const head = this.store.entries.get(id)?.size ?? 0
      return this.people.every((person) => person.received.get(id)?.length === head)
    })
  }

  #open(): string {
    const open = this.people
      .flatMap((person) => [...person.sent.values()].flat())
      .filter(({ state }) => state === 'waiting' || state === 'out')
      .map(({ clientId, state }) => `${clientId} ${state}`)
    const shown = open.length > 12 ? [...open.slice(0, 12), `${open.length - 12} more`] : open
    return [...shown, ...(this.busy > 0 ? [`${this.busy} over HTTP`] : [])].join(', ')
  }

  async #setUp(): Promise<void> {
    const [first, second] = this.conversations
    for (const id of [first, second]) await this.create(id as ConversationId, 'ann')
    for (const person of this.people) {
      for (const id of this.conversations) person.follow(id)
      await person.connect(this.random.pick(this.realtime))
    }
  }

  create = (id: ConversationId, creator: string): Promise<unknown> =>
    this.command(id, {
      kind: 'create',
      conversation: { kind: 'group' },
      memberIds: ['ann', 'bob', 'cid', 'mal', 'dan'] as UserId[],
      senderId: creator as UserId,
      clientId: 'create',
      submittedAt: this.iso(),
    })

  iso = (): string => new Date(this.time.now()).toISOString()

  /** A mutation over HTTP whose caller repeats it until it is answered. */
  async command(id: ConversationId, command: Command): Promise<{ seq: number }> {
    for (;;) {
      try {
        return await this.rpc(this.random.pick(this.messages), (node) => node.execute(id, command))
      } catch (error) {
        if (error instanceof ChatError && error.code !== 'unavailable') throw error
        await this.wait(200)
      }
    }
  }

  wait = (ms: number): Promise<void> => new Promise((resolve) => this.time.after(ms, resolve))

  /** A call from one process to another: refused where that is dead, without an answer where it dies or takes long. */
  async rpc<T>(
    node: MessagesNode,
    work: (node: MessagesNode) => Promise<T>,
    from: Process = this.#outside,
  ): Promise<T> {
    const { process } = node
    const timeOut = new Promise<never>((_, reject) =>
      from.clock.setTimeout(() => reject(new ChatError('unavailable')), 5_000),
    )
    const answer = from.call(this.random.between(0, 3), this.random.between(0, 3), () => {
      if (!process.alive) throw new ChatError('unavailable')
      return new Promise<T>((resolve, reject) => process.enter(() => void work(node).then(resolve, reject)))
    })
    return Promise.race([answer, timeOut])
  }

  readonly #backend: Backend = {
    entries: (from, id, after) =>
      this.rpc(this.random.pick(this.messages), (node) => node.entries(id, after), from),
    heads: (from, user) => this.rpc(this.random.pick(this.messages), (node) => node.heads(user), from),
    conversation: (from, id) =>
      this.rpc(this.random.pick(this.messages), (node) => node.conversation(id), from),
  }

  #newProcess = (kind: string): Process => new Process(this.time, `${kind}${++this.#names}`)

  #startMessages(): MessagesNode {
    const node = startMessagesNode({
      process: this.#newProcess('m'),
      store: this.store,
      broker: this.#broker,
      logger: silent,
      plants: this.#options.plants ?? {},
      headsEveryMs: this.#headsEveryMs,
      blindToPoison: this.poison === 'blind',
    })
    this.messages.push(node)
    return node
  }

  #startRealtime(): void {
    const { batcherLimits, delivery } = this.#options.plants ?? {}
    this.realtime.push(
      startRealtimeNode({
        process: this.#newProcess('r'),
        broker: this.#broker,
        backend: this.#backend,
        random: this.random,
        cluster: this.#cluster,
        adapterLoses: () => this.#faults.adapterLoses,
        oneLanePerEvent: this.#oneLanePerEvent,
        ...(batcherLimits && { batcherLimits }),
        ...(delivery && { delivery }),
      }),
    )
  }

  #addPerson(user: UserId): void {
    const person = new Person(user, new Process(this.time, user), {
      entries: this.#backend.entries,
      onStored: (sent) => this.checkDurable(user, sent),
    })
    this.people.push(person)
  }

  /** The moment of the acknowledgement: the message must be in the store now, whatever comes after. */
  checkDurable(user: UserId, { conversation, clientId, seq }: Sent): void {
    const found = this.store.entries.get(conversation)?.get(seq ?? 0)
    if (found?.kind === 'message' && found.by === user && found.message.clientId === clientId) return
    this.violations.push(`${clientId} was acknowledged at seq ${seq} and is not in the store`)
  }

  /** Ends a process and starts another of its kind. */
  replace(victim: MessagesNode | RealtimeNode): void {
    if (!victim.process.alive) return
    victim.process.kill()
    if ('log' in victim) {
      this.#noteUntold()
      this.messages = this.messages.filter((node) => node !== victim)
      this.#startMessages()
    } else {
      this.realtime = this.realtime.filter((node) => node !== victim)
      this.#cluster.splice(this.#cluster.indexOf(victim), 1)
      this.#startRealtime()
    }
  }

  #noteUntold(): void {
    const since = this.time.now() - 2 * this.#headsEveryMs
    for (const id of this.conversations) {
      const head = this.store.entries.get(id)?.size ?? 0
      const last = this.store.entries.get(id)?.get(head)
      if (last && (this.store.writtenAt.get(last) ?? 0) > since) this.untold.set(id, head)
    }
  }

  #calm(): void {
    for (const fault of ['unclear', 'readFails', 'doubled', 'lost', 'publishFails', 'adapterLoses'] as const)
      this.#faults[fault] = 0
    this.store.onWrite = undefined
  }
}
