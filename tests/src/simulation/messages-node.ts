import {
  type Command,
  type Conversation,
  type ConversationId,
  conversationChanged,
  type DeadLetter,
  deadLetterTopic,
  type Entry,
  type MessageSubmitted,
  messageSubmitted,
  type UserId,
} from '@parley/contracts'
import { type DocumentStore, daprDocumentStore, type Logger, type Sidecar } from '@parley/kit'
import {
  type Announcer,
  activeMemberIds,
  type Commands,
  type ConversationLog,
  type Conversations,
  createAnnouncer,
  createCommands,
  createConversationLog,
  createConversations,
  createDeadLetters,
  createPeople,
  givenUpIn,
  toEntry,
} from '@parley/messages'
import type { SimulatedBroker } from './broker.ts'
import type { SimulatedStore } from './store.ts'
import type { Process } from './time.ts'

/** Where a bug is planted: around the ports, so that the code under test stays as it ships. */
export interface MessagesPlants {
  store?: (store: DocumentStore, process: Process) => DocumentStore
  announcer?: (announcer: Announcer, process: Process) => Announcer
  commands?: (commands: Commands, announcer: Announcer) => Commands
}

/** A replica of `messages`: the code that ships, over the simulated store and broker. */
export interface MessagesNode {
  readonly process: Process
  readonly log: ConversationLog
  readonly conversations: Conversations
  execute(conversation: ConversationId, command: Command): ReturnType<Commands['execute']>
  entries(
    conversation: ConversationId,
    after: number,
  ): Promise<{ items: Entry[]; head: number; hasMore: boolean }>
  heads(user: UserId): Promise<{ conversationId: ConversationId; head: number }[]>
  conversation(id: ConversationId): Promise<{ conversation: Conversation; memberIds: readonly UserId[] }>
  deadLetters(): Promise<DeadLetter[]>
}

export const poison = 'poison'

const isPoison = (command: Command): boolean => command.kind === 'message' && command.text === poison
const holdsPoison = (event: MessageSubmitted): boolean =>
  event.conversations.some(({ commands }) => commands.some(isPoison))

export function startMessagesNode(deps: {
  process: Process
  store: SimulatedStore
  broker: SimulatedBroker
  logger: Logger
  plants: MessagesPlants
  headsEveryMs: number
  /** The consumer fails at whatever event holds a poison item, and does not know why. */
  blindToPoison: boolean
}): MessagesNode {
  const { process, logger, plants, broker } = deps
  const { clock } = process
  const sidecar = { state: deps.store.connect(process), ...broker.connect(process) } as unknown as Sidecar
  const adapter = daprDocumentStore({ sidecar, component: 'messages-store', clock })
  const store = plants.store?.(adapter, process) ?? adapter
  const people = createPeople(store)
  let nonces = 0
  const log = createConversationLog({
    store,
    clock,
    logger,
    newNonce: () => `${process.name}.${++nonces}`,
    writeInboxes: people.writeInboxes,
    maxViews: 1,
    tail: { entries: 8, blocks: 12 },
  })
  const honest = createAnnouncer(sidecar)
  const announcer = plants.announcer?.(honest, process) ?? honest
  const shipped = createCommands({ log, people, announcer, sidecar, clock, logger })
  const commands = plants.commands?.(shipped, announcer) ?? shipped
  const conversations = createConversations(log, people, logger)
  const deadLetters = createDeadLetters({ store, sidecar, clock, logger })

  broker.subscribe([messageSubmitted.topic], {
    process,
    async consume(_topic, data) {
      const event = messageSubmitted.data.parse(data)
      if (deps.blindToPoison && holdsPoison(event)) throw new Error(poison)
      await commands.onSubmitted(event)
    },
  })
  broker.subscribe([deadLetterTopic('messages')], {
    process,
    async consume(topic, data, id) {
      await deadLetters.keep('messages', { id, topic, data })
      const givenUp = givenUpIn(data)
      if (givenUp) await commands.onGivenUp(givenUp)
    },
  })

  const tick = async (): Promise<void> => {
    for (const heads of announcer.takeHeads())
      await sidecar.publish(conversationChanged, { heads }).catch(() => {})
    await log.trimMemory().catch(() => {})
    clock.setTimeout(tick, deps.headsEveryMs)
  }
  clock.setTimeout(tick, deps.headsEveryMs)

  return {
    process,
    log,
    conversations,
    execute: (conversation, command) => commands.execute(conversation, command, true),
    async entries(id, after) {
      const view = await log.views.current(id)
      const head = view.fold.seq
      const items = (await log.history.entries(view, after, 20)).map((stored) => toEntry(id, stored))
      return { items, head, hasMore: (items.at(-1)?.seq ?? head) < head }
    },
    heads: conversations.heads,
    async conversation(id) {
      const view = await log.views.current(id)
      return { conversation: conversations.show(view), memberIds: activeMemberIds(view.fold) }
    },
    deadLetters: deadLetters.list,
  }
}
