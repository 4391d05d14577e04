import {
  type Command,
  type Conversation,
  type ConversationId,
  conversationChanged,
  deadLetterTopic,
  type Entry,
  messageRejected,
  messageStored,
  messageSubmitted,
  type SetAside,
  type UserId,
} from '@parley/contracts'
import {
  type BatcherLimits,
  type BatchOutcome,
  createAdditions,
  createBatcher,
  createDelivery,
  type Delivery,
  recentChanges,
} from '@parley/realtime'
import type { SimulatedBroker } from './broker.ts'
import type { Process, Random } from './time.ts'

/** A socket of a person on this node. */
export interface Socket {
  readonly user: UserId
  /** `conversation:added`: the client loads it. */
  welcome(conversation: ConversationId): void
  receive(conversation: ConversationId, entry: Entry): void
}

export interface RealtimeNode {
  readonly process: Process
  submit(conversation: ConversationId, command: Command): Promise<BatchOutcome>
  connect(socket: Socket): Promise<void>
  /** What an event of the broker means on this node. */
  hear(topic: string, data: unknown): void
}

export interface Backend {
  entries(
    process: Process,
    id: ConversationId,
    after: number,
  ): Promise<{ items: Entry[]; head: number; hasMore: boolean }>
  heads(process: Process, user: UserId): Promise<{ conversationId: ConversationId; head: number }[]>
  conversation(
    process: Process,
    id: ConversationId,
  ): Promise<{ conversation: Conversation; memberIds: readonly UserId[] }>
}

export interface RealtimeDeps {
  process: Process
  broker: SimulatedBroker
  backend: Backend
  random: Random
  /** All nodes that are connected by the adapter; it may lose what it carries. */
  cluster: RealtimeNode[]
  adapterLoses: () => number
  /** As with a broker that has partitions. */
  oneLanePerEvent: boolean
  batcherLimits?: Partial<BatcherLimits>
  delivery?: (delivery: Delivery, emit: (id: ConversationId, entry: Entry) => void) => Delivery
}

/** A node of `realtime`: its batcher and its delivery as they ship, with sockets that are objects. */
export function startRealtimeNode(deps: RealtimeDeps): RealtimeNode {
  const { process, random } = deps
  const { clock } = process
  const sidecar = deps.broker.connect(process)
  const rooms = createRooms(deps)
  const batcher = createBatcher({
    clock,
    publish: (event) => sidecar.publish(messageSubmitted, event),
    deadLetter(data, reason) {
      const letter: SetAside = { reason, topic: messageSubmitted.topic, data }
      return sidecar.publishRaw(deadLetterTopic('messages'), letter)
    },
    soon: (fn) => void clock.setTimeout(fn, 0),
    oneLanePerEvent: deps.oneLanePerEvent,
    ...(deps.batcherLimits && { limits: deps.batcherLimits }),
  })

  const self: RealtimeNode = {
    process,
    submit: batcher.submit,
    connect: rooms.connect,
    hear(topic, data) {
      if (topic === messageStored.topic) {
        for (const stored of messageStored.data.parse(data).conversations) {
          const { conversationId, entries, memberIds = [] } = stored
          for (const entry of entries) batcher.stored(conversationId, entry)
          rooms.stored(conversationId, entries, memberIds)
        }
      } else if (topic === messageRejected.topic) {
        for (const item of messageRejected.data.parse(data).items) batcher.rejected(item)
      } else {
        rooms.heads(conversationChanged.data.parse(data).heads)
      }
    },
  }
  deps.cluster.push(self)

  /** The node that consumes an event hands it to all nodes; its own copy does not travel. */
  function broadcast(topic: string, data: unknown): void {
    for (const node of deps.cluster) {
      if (node === self) node.hear(topic, data)
      else if (!random.chance(deps.adapterLoses()))
        process.time.after(random.between(0, 5), () => node.process.enter(() => node.hear(topic, data)))
    }
  }
  deps.broker.subscribe([messageStored.topic, messageRejected.topic, conversationChanged.topic], {
    process,
    async consume(topic, data) {
      broadcast(topic, data)
    },
  })
  return self
}

/** Who is in which conversation on this node: as `rooms.ts` of the service, with a map for Socket.IO's rooms. */
function createRooms({ process, backend, ...deps }: RealtimeDeps) {
  const sockets = new Map<UserId, Socket>()
  const rooms = new Map<ConversationId, Set<UserId>>()
  const entering = new Set<UserId>()
  const changes = recentChanges(100)

  const isLocal = (user: UserId): boolean => sockets.has(user)
  const isIn = (id: ConversationId, user: UserId): boolean => rooms.get(id)?.has(user) === true
  const emit = (id: ConversationId, entry: Entry): void => {
    for (const user of rooms.get(id) ?? []) sockets.get(user)?.receive(id, entry)
  }
  const join = (id: ConversationId, user: UserId): void => {
    rooms.set(id, (rooms.get(id) ?? new Set()).add(user))
  }
  const additions = createAdditions({
    clock: process.clock,
    fetchConversation: (id) => backend.conversation(process, id),
    isLocal,
    welcome(user, { id }, entries) {
      if (isIn(id, user)) return
      join(id, user)
      sockets.get(user)?.welcome(id)
      for (const entry of entries) sockets.get(user)?.receive(id, entry)
    },
    settled(id) {
      if (!rooms.has(id)) delivery.untrack(id)
    },
  })
  const shipped = createDelivery({
    clock: process.clock,
    fetchEntries: (id, after) => backend.entries(process, id, after),
    emit(id, entry) {
      emit(id, entry)
      additions.emitted(id, entry)
    },
    isLocal,
    added: additions.added,
    removed(id, user) {
      additions.removed(id, user)
      const room = rooms.get(id)
      room?.delete(user)
      if (room?.size !== 0) return
      rooms.delete(id)
      delivery.untrack(id)
    },
  })
  const delivery = deps.delivery?.(shipped, emit) ?? shipped

  function bringIn(id: ConversationId, members: readonly UserId[]): void {
    const newest = delivery.newest(id)
    if (additions.isPending(id) || (delivery.emitted(id) ?? newest) < newest) return
    for (const user of members) {
      if (!isLocal(user) || entering.has(user) || isIn(id, user)) continue
      if (delivery.emitted(id) === undefined) delivery.track(id, newest)
      additions.added(id, user)
    }
  }

  return {
    stored(id: ConversationId, entries: readonly Entry[], members: readonly UserId[]): void {
      for (const entry of entries) changes.saw(id, entry)
      delivery.stored(id, entries)
      bringIn(id, members)
    },
    heads: delivery.heads,
    async connect(socket: Socket): Promise<void> {
      const { user } = socket
      sockets.set(user, socket)
      entering.add(user)
      const items = await backend.heads(process, user).finally(() => entering.delete(user))
      const recent = changes.of(user)
      for (const { conversationId, head } of items) {
        const change = recent.get(conversationId)
        if (change && !change.member && change.seq > head) continue
        join(conversationId, user)
        delivery.track(conversationId, head)
      }
      for (const [id, { member, seq }] of recent) {
        if (!member || isIn(id, user)) continue
        if (delivery.emitted(id) === undefined) delivery.track(id, seq)
        additions.added(id, user)
      }
    },
  }
}
