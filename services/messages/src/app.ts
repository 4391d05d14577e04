import type { RequestListener } from 'node:http'
import { componentNames, conversationChanged, limits, metrics as names } from '@parley/contracts'
import {
  type Caller,
  type Clock,
  checkStore,
  createHttpApp,
  createMetrics,
  type DocumentStore,
  type Logger,
  type Metrics,
  newId,
  type Sidecar,
  watchedStore,
} from '@parley/kit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createAnnouncer, everyInterval, headsIntervalMs } from './announcer.ts'
import { createCommands } from './commands.ts'
import { createConversations } from './conversations.ts'
import { createDeadLetters } from './dead-letters.ts'
import { registerEvents } from './events.ts'
import { createConversationLog } from './log/index.ts'
import { createPeople } from './people.ts'
import { registerRoutes } from './routes/index.ts'

/** How many conversations stay in memory; beyond that the longest unused are projected and dropped. */
const maxViews = 10_000

export interface MessagesDeps {
  readonly store: DocumentStore
  readonly sidecar: Sidecar
  readonly clock: Clock
  readonly logger: Logger
  readonly version: string
  readonly appApiToken?: string
  readonly rateLimits: boolean
  readonly verifyToken: (token: string) => Promise<Caller>
  readonly metrics?: Metrics
}

export interface MessagesApp {
  readonly http: RequestListener
  start(): void
  /** Resolves when every command that was taken has its outcome and the last heads are told. */
  drain(): Promise<void>
}

export function createMessagesApp(deps: MessagesDeps): MessagesApp {
  const { sidecar, clock, logger, metrics = createMetrics('messages') } = deps
  const store = watchedStore(deps.store, metrics)
  const people = createPeople(store)
  const log = createConversationLog({
    store,
    clock,
    logger,
    newNonce: newId,
    writeInboxes: people.writeInboxes,
    maxViews,
    watch: {
      committed(ms, entries) {
        metrics.observe(names.commitSeconds, ms / 1_000)
        metrics.observe(names.blockEntries, entries)
      },
      damaged: () => metrics.count(names.damagedLogs),
    },
  })
  const announcer = createAnnouncer(sidecar)
  const commands = createCommands({ log, people, announcer, sidecar, clock, logger })
  const conversations = createConversations(log, people, logger)
  const deadLetters = createDeadLetters({
    ...{ store, sidecar, clock, logger },
    kept: (app) => metrics.count(names.deadLetters, { refused_by: app }),
  })
  // A bucket of the burst's size that is full again after burst / rate seconds.
  const sendRate = deps.rateLimits
    ? new RateLimiterMemory({
        points: limits.messageBurst,
        duration: limits.messageBurst / limits.messagesPerSecond,
      })
    : undefined

  let draining = false
  const http = createHttpApp(
    {
      app: 'messages',
      version: deps.version,
      logger,
      metrics,
      sidecar,
      ...(deps.appApiToken === undefined ? {} : { appApiToken: deps.appApiToken }),
      verifyToken: deps.verifyToken,
      readiness: async () => ({
        sidecar: await sidecar.check(),
        [componentNames.stores.messages]: await checkStore(store),
      }),
      draining: () => draining,
    },
    (app) => {
      registerEvents(app, commands, deadLetters)
      registerRoutes(app, { log, conversations, commands, people, deadLetters, sidecar, clock, sendRate })
    },
  )

  async function tellHeads(): Promise<void> {
    try {
      for (const heads of announcer.takeHeads()) await sidecar.publish(conversationChanged, { heads })
    } catch (error) {
      logger.warn({ err: error }, 'the heads could not be told; the next ones will be')
    }
  }

  /** Also while the broker is away: what is read meanwhile takes memory. */
  async function trimMemory(): Promise<void> {
    try {
      await log.trimMemory()
    } catch (error) {
      logger.warn({ err: error }, 'memory could not be trimmed; it will be tried again')
    }
  }

  let interval: { stop(): void } | undefined
  return {
    http,
    start() {
      interval = everyInterval(clock, headsIntervalMs, async () => {
        await tellHeads()
        await trimMemory()
      })
    },
    async drain() {
      draining = true
      interval?.stop()
      await log.writer.idle()
      await tellHeads()
    },
  }
}
