import type { Command, ConversationId, Entry, UserId } from '@parley/contracts'
import { ChatError, type Logger } from '@parley/kit'
import { toEntry } from '@parley/messages'
import type { BatcherLimits } from '@parley/realtime'
import { type BrokerFaults, SimulatedBroker } from './broker.ts'
import { type MessagesNode, type Plants, poison, startMessagesNode } from './messages-node.ts'
import { Person, type Sent } from './person.ts'
import { type Backend, type RealtimeNode, startRealtimeNode } from './realtime-node.ts'
import { type BrokenStore, SimulatedStore, type StoreFaults } from './store.ts'
import { createRandom, Process, type Random, Time } from './time.ts'

export interface Options {
  readonly brokenStore?: BrokenStore
  readonly plants?: Plants
  readonly batcherLimits?: Partial<BatcherLimits>
  readonly poison?: boolean
  /** Only what a durable broker may do: nothing that it took is lost, and heads are told. */
  readonly headsEveryMs?: number
}

/** The time in which someone may have been out of a conversation: from the request to remove to the addition's answer. */
interface Absence {
  readonly user: UserId
  readonly from: number
  to: number
}

const silent = Object.fromEntries(
  ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, () => {}]),
) as unknown as Logger

const faultyMs = 20_000
const limitMs = 400_000

/** One run: people, nodes, faults for 20 s, and then quiet until everything has its outcome. */
export class World {
  readonly time = new Time()
  readonly random: Random
  readonly store: SimulatedStore
  readonly people: Person[] = []
  readonly conversations: ConversationId[] = ['c1' as ConversationId, 'c2' as ConversationId]
  readonly absences: Absence[] = []
  readonly deadLetters: string[] = []
  readonly violations: string[] = []
  messages: MessagesNode[] = []
  realtime: RealtimeNode[] = []
  readonly #options: Options
  readonly #broker: SimulatedBroker
  readonly #cluster: Parameters<typeof startRealtimeNode>[0]['cluster'] = []
  readonly #outside: Process
  readonly #faults: StoreFaults & BrokerFaults & { adapterLoses: number }
  #names = 0
  #busy = 0

  constructor(seed: number, options: Options = {}) {
    this.#options = options
    const random = createRandom(seed)
    this.random = random
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
    }
    this.store = new SimulatedStore(this.time, random, this.#faults, options.brokenStore)
    this.#broker = new SimulatedBroker(this.time, random, this.#faults)
    this.#outside = new Process(this.time, 'outside')
  }

  async run(): Promise<void> {
    const { random, time } = this
    const replicas = random.between(1, 2)
    for (let i = 0; i < replicas; i++) this.#startMessages()
    for (let i = 0; i < random.between(1, 2); i++) this.#startRealtime()
    for (const name of ['ann', 'bob', 'cid', 'mal']) this.#addPerson(name as UserId)
    if (!(await this.#until(this.#setUp(), limitMs)))
      return void this.violations.push('the set-up never ended')
    this.#schedule()
    time.after(faultyMs, () => this.#calm())
    const end = time.now() + faultyMs
    const done = await time.runUntil(() => time.now() >= end && this.#busy === 0 && this.#quiet(), limitMs)
    if (!done) this.violations.push(`not everything had its outcome: ${this.#open()}`)
    // Time for a lost last message to show.
    const later = time.now() + 30_000
    for (const person of this.people) for (const id of person.received.keys()) person.catchUp(id, true)
    await time.runUntil(() => time.now() >= later && this.#quiet(), 120_000)
  }

  /** Runs the world until a promise of ours has settled. */
  async #until(promise: Promise<unknown>, ms: number): Promise<boolean> {
    let settled = false
    promise.then(
      () => (settled = true),
      (error: unknown) => {
        settled = true
        this.violations.push(String(error))
      },
    )
    return this.time.runUntil(() => settled, ms)
  }

  /** A read from outside the nodes, such as the checks make when all is over. */
  async ask<T>(ask: (node: MessagesNode) => Promise<T>): Promise<T> {
    const [node] = this.messages
    if (!node) throw new Error('no node of messages is left')
    const answer = ask(node)
    await this.#until(answer, limitMs)
    return answer
  }

  #quiet(): boolean {
    return this.people.every((person) => person.settled && person.connected)
  }

  #open(): string {
    return this.people
      .flatMap((person) => [...person.sent.values()].flat())
      .filter(({ state }) => state === 'waiting' || state === 'out')
      .map(({ clientId, state }) => `${clientId} ${state}`)
      .join(', ')
  }

  async #setUp(): Promise<void> {
    const memberIds = this.people.map(({ user }) => user)
    for (const id of this.conversations) {
      await this.#command(id, {
        kind: 'create',
        conversation: { kind: 'group' },
        memberIds,
        senderId: 'ann' as UserId,
        clientId: 'create',
        submittedAt: this.#iso(),
      })
    }
    for (const person of this.people) {
      for (const id of this.conversations) person.follow(id)
      await person.connect(this.random.pick(this.realtime))
    }
  }

  #iso = (): string => new Date(this.time.now()).toISOString()

  /** A mutation over HTTP whose caller repeats it until it is answered. */
  async #command(id: ConversationId, command: Command): Promise<void> {
    for (;;) {
      const node = this.random.pick(this.messages)
      try {
        await this.#rpc(this.#outside, node.process, () => node.execute(id, command))
        return
      } catch (error) {
        if (error instanceof ChatError && error.code !== 'unavailable') throw error
        await this.#wait(200)
      }
    }
  }

  #wait = (ms: number): Promise<void> => new Promise((resolve) => this.time.after(ms, resolve))

  /** A call from one process to another: refused where that is dead, without an answer where it dies or takes long. */
  async #rpc<T>(from: Process, to: Process, work: () => Promise<T>): Promise<T> {
    const timeOut = new Promise<never>((_, reject) =>
      from.clock.setTimeout(() => reject(new ChatError('unavailable')), 5_000),
    )
    const answer = from.call(this.random.between(0, 3), this.random.between(0, 3), () => {
      if (!to.alive) throw new ChatError('unavailable')
      return new Promise<T>((resolve, reject) => to.enter(() => void work().then(resolve, reject)))
    })
    return Promise.race([answer, timeOut])
  }

  readonly #backend: Backend = {
    entries: (from, id, after) => {
      const node = this.random.pick(this.messages)
      return this.#rpc(from, node.process, () => node.entries(id, after))
    },
    heads: (from, user) => {
      const node = this.random.pick(this.messages)
      return this.#rpc(from, node.process, () => node.heads(user))
    },
  }

  #newProcess = (kind: string): Process => new Process(this.time, `${kind}${++this.#names}`)

  #startMessages(): void {
    const process = this.#newProcess('m')
    const { store, random } = this
    const headsEveryMs = this.#options.headsEveryMs ?? random.pick([1_000, 5_000])
    const plants = this.#options.plants ?? {}
    const broker = this.#broker
    const onDeadLetter = (clientIds: string[]): void => void this.deadLetters.push(...clientIds)
    this.messages.push(
      startMessagesNode({
        process,
        store,
        broker,
        logger: silent,
        plants,
        toEntry,
        headsEveryMs,
        onDeadLetter,
      }),
    )
  }

  #startRealtime(): void {
    const { batcherLimits } = this.#options
    this.realtime.push(
      startRealtimeNode({
        process: this.#newProcess('r'),
        broker: this.#broker,
        backend: this.#backend,
        random: this.random,
        cluster: this.#cluster,
        adapterLoses: () => this.#faults.adapterLoses,
        ...(batcherLimits && { batcherLimits }),
      }),
    )
  }

  #addPerson(user: UserId): void {
    const person = new Person(user, new Process(this.time, user), {
      entries: this.#backend.entries,
      onStored: (sent) => this.#checkDurable(person, sent),
    })
    this.people.push(person)
  }

  /** The moment of the acknowledgement: the message must be in the store now, whatever comes after. */
  #checkDurable(person: Person, { conversation, clientId, seq }: Sent): void {
    for (const [key, { data }] of this.store.documents) {
      if (!key.startsWith(`log:${conversation}:`)) continue
      const block = (JSON.parse(data) as { v: { entries: Entry[] } }).v
      const found = block.entries.find((entry) => entry.seq === seq)
      if (found && found.by === person.user && (found as { clientId?: string }).clientId === clientId) return
    }
    this.violations.push(`${clientId} was acknowledged at seq ${seq} and is not in the store`)
  }

  #schedule(): void {
    const { random, time } = this
    const sends = random.between(8, 30)
    for (const person of this.people)
      for (let i = 0; i < sends; i++) {
        const id = random.chance(0.7) ? this.conversations[0] : this.conversations[1]
        const bad = this.#options.poison === true && person.user === 'bob' && i === 3
        const clientId = `${person.user}-${String(i).padStart(3, '0')}${bad ? '!' : ''}`
        // In bursts, so that there are batches.
        const at = random.chance(0.5) ? random.between(0, 3) * 4_000 : random.between(0, 15_000)
        time.after(at, () =>
          person.send(id as ConversationId, clientId, bad ? poison : `text of ${clientId}`),
        )
      }
    for (let i = 0; i < random.between(0, 3); i++)
      time.after(random.between(0, 12_000), () => void this.#removeAndAdd(i))
    for (let i = 0; i < random.between(0, 4); i++)
      time.after(random.between(0, 18_000), () => this.#disturb())
    const reconnect = (): void => {
      for (const person of this.people) if (!person.connected) void person.connect(random.pick(this.realtime))
      time.after(500, reconnect)
    }
    reconnect()
  }

  /** `mal` is put out of a conversation and taken in again. */
  async #removeAndAdd(i: number): Promise<void> {
    this.#busy += 1
    const user = 'mal' as UserId
    const id = this.conversations[0] as ConversationId
    const base = { senderId: 'ann' as UserId, submittedAt: this.#iso() }
    const absence: Absence = { user, from: this.time.now(), to: Number.POSITIVE_INFINITY }
    this.absences.push(absence)
    await this.#command(id, { ...base, kind: 'remove-member', userId: user, clientId: `remove-${i}` })
    if (this.absences.length === 1) await this.#checkShutOut(id, user)
    await this.#wait(this.random.between(0, 4_000))
    await this.#command(id, { ...base, kind: 'add-members', userIds: [user], clientId: `add-${i}` })
    absence.to = this.time.now()
    this.#busy -= 1
  }

  /** Once a removal is answered, no replica shows the conversation to who was removed. */
  async #checkShutOut(id: ConversationId, user: UserId): Promise<void> {
    for (const node of [...this.messages]) {
      const shown = await this.#rpc(this.#outside, node.process, () =>
        node.conversations.forMember(id, user),
      ).catch(() => undefined)
      const back = this.absences.some((absence) => absence.to !== Number.POSITIVE_INFINITY)
      if (shown && !back && this.absences.length === 1)
        this.violations.push(`${node.process.name} showed ${id} to ${user} after the removal was answered`)
    }
  }

  /** Kills a process and starts another, or stops one for a while. */
  #disturb(): void {
    const { random } = this
    if (random.chance(0.4)) {
      random.pick([...this.messages, ...this.realtime]).process.stop(random.between(100, 9_000))
    } else if (random.chance(0.5)) {
      const victim = random.pick(this.messages)
      victim.process.alive = false
      this.messages = this.messages.filter((node) => node !== victim)
      this.#startMessages()
    } else {
      const victim = random.pick(this.realtime)
      victim.process.alive = false
      this.realtime = this.realtime.filter((node) => node !== victim)
      this.#cluster.splice(
        this.#cluster.findIndex(({ process }) => process === victim.process),
        1,
      )
      this.#startRealtime()
    }
  }

  #calm(): void {
    for (const fault of ['unclear', 'readFails', 'doubled', 'lost', 'publishFails', 'adapterLoses'] as const)
      this.#faults[fault] = 0
  }
}
