import {
  type Command,
  type ConversationId,
  conversationChanged,
  deadLetterTopic,
  type Entry,
  messageSubmitted,
  setAside,
  type UserId,
} from '@parley/contracts'
import { type DocumentStore, daprDocumentStore, type Logger, type Sidecar } from '@parley/kit'
import {
  type Announcer,
  type Commands,
  type ConversationLog,
  type Conversations,
  createAnnouncer,
  createCommands,
  createConversationLog,
  createConversations,
  createPeople,
} from '@parley/messages'
import type { SimulatedBroker } from './broker.ts'
import type { SimulatedStore } from './store.ts'
import type { Process } from './time.ts'

/** Where a bug is planted: around the ports, so that the code under test stays as it ships. */
export interface Plants {
  store?: (store: DocumentStore, process: Process) => DocumentStore
  announcer?: (announcer: Announcer) => Announcer
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
}

export const poison = 'poison'

export function startMessagesNode(deps: {
  process: Process
  store: SimulatedStore
  broker: SimulatedBroker
  logger: Logger
  plants: Plants
  toEntry: (
    id: ConversationId,
    stored: Awaited<ReturnType<ConversationLog['history']['entries']>>[number],
  ) => Entry
  headsEveryMs: number
  onDeadLetter: (clientIds: string[]) => void
}): MessagesNode {
  const { process, logger, plants } = deps
  const { clock } = process
  const sidecar = {
    state: deps.store.connect(process),
    ...deps.broker.connect(process),
  } as unknown as Sidecar
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
  const announcer = plants.announcer?.(honest) ?? honest
  const commands = createCommands({ log, people, announcer, sidecar, clock, logger })
  const conversations = createConversations(log, people)

  deps.broker.subscribe([messageSubmitted.topic], {
    process,
    async consume(_topic, data) {
      const event = messageSubmitted.data.parse(data)
      // A command that makes the consumer fail whenever it is seen, as an unforeseen bug would.
      const isPoison = (command: Command): boolean => command.kind === 'message' && command.text === poison
      if (event.conversations.some((conversation) => conversation.commands.some(isPoison)))
        throw new Error(poison)
      await commands.onSubmitted(event)
    },
  })

  deps.broker.subscribe([deadLetterTopic('messages')], {
    process,
    async consume(_topic, data) {
      const given = messageSubmitted.data.parse(setAside.parse(data).data)
      deps.onDeadLetter(
        given.conversations.flatMap(({ commands }) => commands.map(({ clientId }) => clientId)),
      )
      await commands.onGivenUp(given)
    },
  })

  const tick = async (): Promise<void> => {
    const heads = announcer.takeHeads()
    if (Object.keys(heads).length > 0) await sidecar.publish(conversationChanged, { heads }).catch(() => {})
    await log.trimMemory().catch(() => {})
    clock.setTimeout(tick, deps.headsEveryMs)
  }
  clock.setTimeout(tick, deps.headsEveryMs)

  return {
    process,
    log,
    conversations,
    execute: commands.execute,
    async entries(id, after) {
      const view = await log.views.current(id)
      const head = view.fold.seq
      const items = (await log.history.entries(view, after, 20)).map((stored) => deps.toEntry(id, stored))
      return { items, head, hasMore: (items.at(-1)?.seq ?? head) < head }
    },
    heads: conversations.heads,
  }
}
