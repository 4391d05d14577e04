import type { RequestListener } from 'node:http'
import { componentNames, metrics as names } from '@parley/contracts'
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
import { createCourier } from './courier.ts'
import { createDispatch } from './dispatch.ts'
import type { EndpointRules } from './domain/endpoint.ts'
import { registerEvents } from './events.ts'
import { createFitness } from './fitness.ts'
import { createNotify } from './notify.ts'
import { createOthers } from './others.ts'
import { createOutbox } from './outbox.ts'
import type { Transport } from './push-transport.ts'
import { registerRoutes } from './routes.ts'
import { createSnsChannel, type SnsChannel } from './sns.ts'
import { createSubscriptions } from './subscriptions.ts'
import { loadVapidKeys, type VapidKeys } from './vapid.ts'

export interface NotificationsDeps {
  readonly version: string
  readonly logger: Logger
  readonly clock: Clock
  readonly store: DocumentStore
  readonly sidecar: Pick<Sidecar, 'invoke' | 'check' | 'describe' | 'secret' | 'output'>
  readonly verifyToken: (token: string) => Promise<Caller>
  readonly transport: Transport
  readonly rules: EndpointRules
  /** `mailto:` or `https:`: whom a push service may complain to. */
  readonly contact: string
  readonly appApiToken?: string | undefined
  readonly draining?: () => boolean
  readonly metrics?: Metrics
}

export interface NotificationsApp {
  readonly http: RequestListener
  /** Reads or draws the VAPID keys, and learns whether there is an SNS topic. */
  ready(): Promise<void>
  /** Looks for what is due now and every second, until `stop`, which waits for the pushes under way. */
  start(): void
  stop(): Promise<void>
  /** Resolves when all that is due has been carried out. */
  idle(): Promise<void>
}

/** The topic of the binding. None, or an empty one: there is no topic to push to. */
const topicSecret = 'sns-topic-arn'
/** How often a replica looks for retries, and for what another one left behind. */
const tickMs = 1_000

export function createNotificationsApp(deps: NotificationsDeps): NotificationsApp {
  const { clock, logger, sidecar, transport, contact, metrics = createMetrics('notifications') } = deps
  const store = watchedStore(deps.store, metrics)
  const keys = keepKeys(store)
  const subscriptions = createSubscriptions({ store, clock, rules: deps.rules })
  const outbox = createOutbox({ store, clock })
  const fitness = createFitness(clock)
  let topic: SnsChannel | undefined
  const sns = () => topic
  const carry = createCourier({
    ...{ store, clock, logger, outbox, subscriptions, fitness, transport, keys, contact, sns },
    tried: (outcome) => metrics.count(names.pushes, { outcome }),
  })
  const dispatch = createDispatch({ outbox, carry, clock, logger })
  const others = createOthers({ sidecar, logger })
  const notify = createNotify({ store, clock, others, outbox, subscriptions })
  const http = createHttpApp(
    {
      app: 'notifications',
      version: deps.version,
      logger,
      metrics,
      sidecar,
      verifyToken: deps.verifyToken,
      readiness: async () => ({
        sidecar: await sidecar.check(),
        [componentNames.stores.notifications]: await checkStore(store),
      }),
      ...(deps.appApiToken === undefined ? {} : { appApiToken: deps.appApiToken }),
      ...(deps.draining === undefined ? {} : { draining: deps.draining }),
    },
    (http) => {
      registerRoutes(http, { subscriptions, keys, hasSns: () => topic !== undefined })
      registerEvents(http, { notify, poke: () => void dispatch.poke() })
    },
  )
  let timer: { cancel(): void } | undefined

  function start(): void {
    void dispatch.poke()
    timer = clock.setTimeout(start, tickMs)
  }

  return {
    http,
    async ready() {
      await keys()
      if (await sidecar.secret(topicSecret)) topic = createSnsChannel(sidecar)
    },
    start,
    async stop() {
      timer?.cancel()
      await dispatch.stop()
    },
    idle: dispatch.idle,
  }
}

/** Reads the keys once; a failure is not kept. */
function keepKeys(store: DocumentStore): () => Promise<VapidKeys> {
  let keys: Promise<VapidKeys> | undefined
  return () => {
    keys ??= loadVapidKeys(store).catch((error) => {
      keys = undefined
      throw error
    })
    return keys
  }
}
