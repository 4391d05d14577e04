import {
  type Command,
  type ConversationId,
  conversationChanged,
  deadLetterTopic,
  type Entry,
  messageRejected,
  messageStored,
  messageSubmitted,
  type UserId,
} from '@parley/contracts'
import type { BatcherLimits } from '@parley/realtime'
import { type BatchOutcome, createBatcher, createDelivery, type Delivery } from '@parley/realtime'
import type { SimulatedBroker } from './broker.ts'
import type { Process, Random } from './time.ts'

/** A socket of a person on this node. */
export interface Socket {
  readonly user: UserId
  receive(conversation: ConversationId, entry: Entry): void
}

export interface RealtimeNode {
  readonly process: Process
  submit(conversation: ConversationId, command: Command): Promise<BatchOutcome>
  connect(socket: Socket): Promise<void>
}

export interface Backend {
  entries(
    process: Process,
    id: ConversationId,
    after: number,
  ): Promise<{ items: Entry[]; head: number; hasMore: boolean }>
  heads(process: Process, user: UserId): Promise<{ conversationId: ConversationId; head: number }[]>
}

/** A node of `realtime`: its batcher and its delivery as they ship, with sockets that are objects. */
export function startRealtimeNode(deps: {
  process: Process
  broker: SimulatedBroker
  backend: Backend
  random: Random
  /** All nodes that are connected by the adapter; it may lose what it carries. */
  cluster: { delivery: Delivery; batcher: ReturnType<typeof createBatcher>; process: Process }[]
  adapterLoses: () => number
  batcherLimits?: Partial<BatcherLimits>
}): RealtimeNode {
  const { process, backend, cluster, random } = deps
  const { clock } = process
  const sidecar = deps.broker.connect(process)
  const sockets = new Map<UserId, Socket>()
  const rooms = new Map<ConversationId, Set<UserId>>()

  const join = (id: ConversationId, user: UserId): void => {
    rooms.set(id, (rooms.get(id) ?? new Set()).add(user))
  }
  const delivery = createDelivery({
    clock,
    fetchEntries: (id, after) => backend.entries(process, id, after),
    emit(id, entry) {
      for (const user of rooms.get(id) ?? []) sockets.get(user)?.receive(id, entry)
    },
    isLocal: (user) => sockets.has(user),
    added(id, user, entry) {
      if (rooms.get(id)?.has(user)) return
      join(id, user)
      sockets.get(user)?.receive(id, entry)
    },
    removed(id, user) {
      const room = rooms.get(id)
      room?.delete(user)
      if (room?.size === 0) {
        rooms.delete(id)
        delivery.untrack(id)
      }
    },
  })
  const batcher = createBatcher({
    clock,
    publish: (event) => sidecar.publish(messageSubmitted, event),
    deadLetter: (data, reason) =>
      sidecar.publishRaw(deadLetterTopic('messages'), { reason, topic: messageSubmitted.topic, data }),
    soon: (fn) => void clock.setTimeout(fn, 0),
    ...(deps.batcherLimits && { limits: deps.batcherLimits }),
  })
  const self = { delivery, batcher, process }
  cluster.push(self)

  /** The node that consumes an event hands it to all nodes; its own copy does not travel. */
  function broadcast(run: (node: typeof self) => void): void {
    for (const node of cluster) {
      if (node === self) run(node)
      else if (!random.chance(deps.adapterLoses()))
        process.time.after(random.between(0, 5), () => node.process.enter(() => run(node)))
    }
  }

  deps.broker.subscribe([messageStored.topic, messageRejected.topic, conversationChanged.topic], {
    process,
    async consume(topic, data) {
      if (topic === messageStored.topic) {
        const { conversations } = messageStored.data.parse(data)
        broadcast((node) => {
          for (const { conversationId, entries } of conversations) {
            for (const entry of entries) node.batcher.stored(conversationId, entry)
            node.delivery.stored(conversationId, entries)
          }
        })
      } else if (topic === messageRejected.topic) {
        const { items } = messageRejected.data.parse(data)
        broadcast((node) => {
          for (const item of items) node.batcher.rejected(item)
        })
      } else {
        const { heads } = conversationChanged.data.parse(data)
        broadcast((node) => node.delivery.heads(heads))
      }
    },
  })

  return {
    process,
    submit: batcher.submit,
    async connect(socket) {
      sockets.set(socket.user, socket)
      for (const { conversationId, head } of await backend.heads(process, socket.user)) {
        delivery.track(conversationId, head)
        join(conversationId, socket.user)
      }
    },
  }
}
