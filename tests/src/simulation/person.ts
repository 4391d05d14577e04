import type { Command, ConversationId, Entry, UserId } from '@parley/contracts'
import type { BatchOutcome } from '@parley/realtime'
import type { RealtimeNode, Socket } from './realtime-node.ts'
import type { Process } from './time.ts'

/** What became of a message, as its sender was told. */
export interface Sent {
  readonly conversation: ConversationId
  readonly clientId: string
  readonly text: string
  submittedAt: number
  state: 'waiting' | 'out' | 'stored' | 'refused' | 'internal'
  seq?: number
  code?: string
  answeredAt?: number
}

/**
 * A person with a well-behaved client: it pipelines what is written, sends again whatever has no answer (in order,
 * under the same client id), and repairs its own gaps.
 */
export class Person {
  readonly sent = new Map<ConversationId, Sent[]>()
  /** What the person has seen, by conversation: must become the log from `from` on. */
  readonly received = new Map<ConversationId, Entry[]>()
  /** Entries that came over a socket, in the order in which they came. */
  readonly live: { conversation: ConversationId; entry: Entry; socket: Socket; at: number }[] = []
  #node: RealtimeNode | undefined
  #ready = false
  readonly #catching = new Set<ConversationId>()
  readonly #known = new Map<ConversationId, number>()
  readonly user: UserId
  readonly #process: Process
  readonly #backend: {
    entries(process: Process, id: ConversationId, after: number): Promise<{ items: Entry[]; head: number }>
    onStored(sent: Sent): void
  }

  constructor(
    user: UserId,
    process: Process,
    backend: {
      entries(process: Process, id: ConversationId, after: number): Promise<{ items: Entry[]; head: number }>
      onStored(sent: Sent): void
    },
  ) {
    this.user = user
    this.#process = process
    this.#backend = backend
  }

  get connected(): boolean {
    return this.#node?.process.alive === true
  }

  async connect(node: RealtimeNode): Promise<void> {
    this.#node = node
    this.#ready = false
    const socket: Socket = {
      user: this.user,
      welcome: (conversation) => {
        this.#process.time.trace?.(`${this.user} is welcomed to ${conversation}`)
        if (this.#node === node) this.catchUp(conversation, true)
      },
      receive: (conversation, entry) => {
        if (this.#node === node) this.#receive(conversation, entry, socket)
      },
    }
    this.#process.time.trace?.(`${this.user} comes to ${node.process.name}`)
    try {
      await node.connect(socket)
      this.#process.time.trace?.(`${this.user} is connected to ${node.process.name}`)
    } catch {
      // The handshake failed: the client comes again.
      if (this.#node === node) this.#node = undefined
      return
    }
    if (this.#node !== node) return
    this.#ready = true
    for (const [conversation, all] of this.sent) {
      for (const one of all) if (one.state === 'out') one.state = 'waiting'
      this.#pump(conversation)
    }
    // As `sync` tells: where the conversations stand now.
    for (const conversation of this.received.keys()) this.catchUp(conversation, true)
  }

  send(conversation: ConversationId, clientId: string, text: string): void {
    const all = this.sent.get(conversation) ?? []
    this.sent.set(conversation, all)
    all.push({ conversation, clientId, text, submittedAt: this.#process.time.now(), state: 'waiting' })
    this.#pump(conversation)
  }

  /** What failed goes out again, in order, when nothing that came after it is out any more. */
  #pump(conversation: ConversationId): void {
    const node = this.#node
    if (!node?.process.alive || !this.#ready) return
    const all = this.sent.get(conversation) ?? []
    const firstWaiting = all.findIndex(({ state }) => state === 'waiting')
    if (firstWaiting < 0 || all.slice(firstWaiting).some(({ state }) => state === 'out')) return
    for (const one of all.slice(firstWaiting)) {
      if (one.state !== 'waiting') continue
      one.state = 'out'
      this.#process.time.trace?.(
        `${this.user} sends ${one.conversation} ${one.clientId} to ${node.process.name}`,
      )
      const command: Command = {
        kind: 'message',
        senderId: this.user,
        clientId: one.clientId,
        text: one.text,
        submittedAt: new Date(this.#process.time.now()).toISOString(),
      }
      node.process.enter(() => void this.#submit(node, one, command))
    }
  }

  async #submit(node: RealtimeNode, one: Sent, command: Command): Promise<void> {
    const outcome = await node.submit(one.conversation, command)
    if (this.#node !== node || one.state !== 'out' || !node.process.alive) return
    one.answeredAt = this.#process.time.now()
    this.#process.time.trace?.(`${this.user} hears of ${one.clientId}: ${sayOutcome(outcome)}`)
    if ('stored' in outcome) {
      one.state = 'stored'
      one.seq = outcome.stored.seq
      this.#backend.onStored(one)
    } else if ('rejected' in outcome) {
      one.state = outcome.rejected.code === 'internal' ? 'internal' : 'refused'
      one.code = outcome.rejected.code
    } else {
      one.state = 'waiting'
    }
    if (this.sent.get(one.conversation)?.some(({ state }) => state === 'waiting'))
      this.#process.clock.setTimeout(() => this.#pump(one.conversation), 500)
  }

  follow(conversation: ConversationId): void {
    if (!this.received.has(conversation)) this.received.set(conversation, [])
  }

  #receive(conversation: ConversationId, entry: Entry, socket: Socket): void {
    this.#process.time.trace?.(`${this.user} receives ${conversation}:${entry.seq}`)
    this.live.push({ conversation, entry, socket, at: this.#process.time.now() })
    this.#known.set(conversation, Math.max(this.#known.get(conversation) ?? 0, entry.seq))
    this.#take(conversation, entry)
    this.catchUp(conversation)
  }

  #take(conversation: ConversationId, entry: Entry): void {
    const all = this.received.get(conversation)
    if (all && entry.seq === all.length + 1) all.push(entry)
  }

  /** Fetches what is missing up to what is known to exist; tries again until it is there. */
  catchUp(conversation: ConversationId, again = false): void {
    const all = this.received.get(conversation)
    if (!all || this.#catching.has(conversation)) return
    if (!again && all.length >= (this.#known.get(conversation) ?? 1)) return
    this.#catching.add(conversation)
    this.#backend.entries(this.#process, conversation, all.length).then(
      ({ items, head }) => {
        this.#catching.delete(conversation)
        for (const entry of items) this.#take(conversation, entry)
        this.#known.set(conversation, Math.max(this.#known.get(conversation) ?? 0, head))
        this.catchUp(conversation)
      },
      () => {
        this.#catching.delete(conversation)
        this.#process.clock.setTimeout(() => this.catchUp(conversation, true), 300)
      },
    )
  }

  get settled(): boolean {
    const answered = [...this.sent.values()].every((all) =>
      all.every(({ state }) => state !== 'waiting' && state !== 'out'),
    )
    return answered && this.#catching.size === 0
  }
}

const sayOutcome = (outcome: BatchOutcome): string =>
  'stored' in outcome
    ? `stored at ${outcome.stored.seq}`
    : 'rejected' in outcome
      ? outcome.rejected.code
      : outcome.failed
