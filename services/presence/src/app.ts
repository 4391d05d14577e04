import type { RequestListener } from 'node:http'
import { componentNames, metrics as names, presenceChanged } from '@parley/contracts'
import {
  type Caller,
  type Clock,
  checkStore,
  createHttpApp,
  createMetrics,
  type DocumentStore,
  type Logger,
  type Metrics,
  type Sidecar,
  watchedStore,
} from '@parley/kit'
import { timing } from './domain/timing.ts'
import { createDueList } from './due-list.ts'
import { registerEvents } from './events.ts'
import { createNodeShards } from './node-shards.ts'
import { createNodeTable } from './node-table.ts'
import { createPeople } from './people.ts'
import { createReports } from './reports.ts'
import { createRound } from './rounds.ts'
import { registerRoutes } from './routes.ts'
import { createTeller } from './teller.ts'

export interface PresenceDeps {
  readonly version: string
  readonly logger: Logger
  readonly clock: Clock
  readonly store: DocumentStore
  readonly sidecar: Pick<Sidecar, 'publish' | 'invoke' | 'check' | 'describe'>
  readonly verifyToken: (token: string) => Promise<Caller>
  readonly appApiToken?: string | undefined
  readonly draining?: () => boolean
  readonly metrics?: Metrics
}

export interface PresenceApp {
  readonly http: RequestListener
  /** One look at the clock. `start` does it every second until `stop`, which waits for the one under way. */
  readonly round: () => Promise<void>
  start(): void
  stop(): Promise<void>
}

export function createPresenceApp(deps: PresenceDeps): PresenceApp {
  const { clock, sidecar, logger, metrics = createMetrics('presence') } = deps
  const store = watchedStore(deps.store, metrics)
  const nodes = createNodeTable({ store, clock })
  const shards = createNodeShards({ store, clock })
  const due = createDueList({ store, clock })
  const tell = createTeller(async (told) => {
    await sidecar.publish(presenceChanged, {
      items: told.map(({ item }) => item),
      hidden: told.flatMap(({ item, hidden }) => (hidden ? [item.userId] : [])),
    })
    for (const { item } of told) metrics.count(names.presenceChanges, { status: item.status })
  })
  const people = createPeople({ store, clock, nodes, shards, due, tell })
  const round = createRound({ clock, nodes, shards, due, people })
  const http = createHttpApp(
    {
      app: 'presence',
      version: deps.version,
      logger,
      metrics,
      sidecar,
      verifyToken: deps.verifyToken,
      readiness: async () => ({
        sidecar: await sidecar.check(),
        [componentNames.stores.presence]: await checkStore(store),
      }),
      ...(deps.appApiToken === undefined ? {} : { appApiToken: deps.appApiToken }),
      ...(deps.draining === undefined ? {} : { draining: deps.draining }),
    },
    (http) => {
      registerRoutes(http, { people, report: createReports({ people, nodes, logger }), sidecar })
      registerEvents(http, { people, nodes })
    },
  )
  return { http, round, ...repeat(round, clock, logger) }
}

function repeat(round: () => Promise<void>, clock: Clock, logger: Logger) {
  let stopped = false
  let timer: { cancel(): void } | undefined
  let running: Promise<void> = Promise.resolve()

  function plan(): void {
    if (stopped) return
    timer = clock.setTimeout(() => {
      running = round()
        .catch((error) => logger.warn({ err: error }, 'a round failed; the next one does its work'))
        .finally(plan)
    }, timing.tickMs)
  }

  return {
    start: plan,
    async stop(): Promise<void> {
      stopped = true
      timer?.cancel()
      await running
    },
  }
}
