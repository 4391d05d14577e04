import type { Server as HttpServer, RequestListener } from 'node:http'
import { deadLetterTopic, messageSubmitted, type SetAside, transport } from '@parley/contracts'
import {
  type Clock,
  createHttpApp,
  createMetrics,
  type Logger,
  type Metrics,
  type Sidecar,
} from '@parley/kit'
import { Server } from 'socket.io'
import { createBackend } from './backend.ts'
import { createBatcher } from './batches/batcher.ts'
import type { BatcherLimits } from './batches/outcome.ts'
import { singleNode } from './cluster/cluster.ts'
import { type RedisClients, redisCluster, useRedis } from './cluster/redis.ts'
import { drainSockets } from './drain.ts'
import { nodeEvents, registerEvents } from './events.ts'
import { createReporter } from './presence/reporter.ts'
import { conversationRoom, userRoom } from './rooms/names.ts'
import { createRooms } from './rooms/rooms.ts'
import { boundedParser } from './sockets/bounded-parser.ts'
import { serveConnections } from './sockets/connection.ts'
import { createHandlers } from './sockets/handlers.ts'
import { admit, isOurFault, refusal } from './sockets/handshake.ts'
import { createReceipts } from './sockets/receipts.ts'
import { createSends } from './sockets/send.ts'
import { createSessions } from './sockets/sessions.ts'
import { dropSlowClients, every, outgoingLimits } from './sockets/slow-clients.ts'
import type { ChatServer } from './sockets/types.ts'
import { createVisibility } from './sockets/visibility.ts'
import { createWatches } from './sockets/watches.ts'
import { createWatch } from './watch.ts'

export { connectRedis } from './cluster/redis.ts'

export interface RealtimeDeps {
  readonly version: string
  readonly logger: Logger
  readonly clock: Clock
  readonly sidecar: Pick<Sidecar, 'publish' | 'publishRaw' | 'invoke' | 'check' | 'describe'>
  /** The name of this node; no other live node has it. */
  readonly node: string
  readonly rateLimits: boolean
  readonly origins: readonly string[]
  /** Several nodes. Without it this must be the only one. */
  readonly redis?: RedisClients | undefined
  readonly appApiToken?: string | undefined
  /** Where the broker has partitions. */
  readonly oneLanePerEvent?: boolean
  readonly batches?: Partial<BatcherLimits>
  readonly metrics?: Metrics
}

export interface RealtimeApp {
  readonly http: RequestListener
  /** Serves sockets on this server, under `/socket.io/`. */
  attach(server: HttpServer): void
  drain(): Promise<void>
  close(): Promise<void>
}

export function createRealtimeApp(deps: RealtimeDeps): RealtimeApp {
  const { logger, clock, sidecar, node, rateLimits, redis, metrics = createMetrics('realtime') } = deps
  let draining = false
  const isDraining = () => draining
  const io: ChatServer = new Server({
    // WebSocket needs no sticky sessions, so our clients use nothing else. Polling stays for those who cannot: with
    // several nodes it needs a balancer that sends a client to the same node again.
    transports: ['websocket', 'polling'],
    serveClient: false,
    maxHttpBufferSize: transport.bytes,
    pingInterval: transport.pingIntervalMs,
    pingTimeout: transport.pingTimeoutMs,
    perMessageDeflate: false,
    httpCompression: false,
    parser: boundedParser,
    cors: { origin: [...deps.origins], credentials: false },
  })
  if (redis) useRedis(io, redis)
  if (!rateLimits) logger.warn('PARLEY_RATE_LIMITS=off: there are no rate limits')

  const watch = createWatch(metrics, clock)
  const backend = createBackend(sidecar)
  const batcher = createBatcher({
    clock,
    publish(event) {
      watch.batch(event)
      return sidecar.publish(messageSubmitted, event, { lane: event.lane })
    },
    async deadLetter(data, reason) {
      logger.error({ reason, lane: data.lane }, 'a command goes to the dead letters')
      const letter: SetAside = { reason, topic: messageSubmitted.topic, data }
      await sidecar.publishRaw(deadLetterTopic('messages'), letter)
    },
    // After what the sockets have brought in this turn of the event loop: their sends share events.
    soon: setImmediate,
    oneLanePerEvent: deps.oneLanePerEvent ?? false,
    ...(deps.batches && { limits: deps.batches }),
  })
  const watches = createWatches({ io, backend, clock })
  const visibility = createVisibility({ io, backend })
  const rooms = createRooms({ io, backend, clock, logger, parted: watches.parted, watch })
  const sends = createSends({ clock, batcher, rateLimits, draining: isDraining, watch })
  watch.gauges({ sockets: () => io.sockets.sockets.size, batcher })
  const sessions = createSessions(io)
  const reporter = createReporter({ clock, sidecar, node, logger })
  const receipts = createReceipts({
    clock,
    isHidden: visibility.isHidden,
    async memberCount(id) {
      const found = await backend.conversation(id)
      return found === 'gone' ? Number.POSITIVE_INFINITY : found.memberIds.length
    },
    emit: (receipt) => {
      io.to(conversationRoom(receipt.conversationId))
        .except(userRoom(receipt.userId))
        .emit('receipt', receipt)
    },
  })
  const handle = nodeEvents({ batcher, rooms, receipts, watches, sessions, visibility })
  const cluster = redis ? redisCluster(io, handle, logger) : singleNode(handle)

  io.use((socket, next) => {
    const rules = { backend, origins: deps.origins, draining: isDraining, wasRevoked: sessions.wasRevoked }
    admit(socket, rules).then(
      () => next(),
      (error) => {
        if (isOurFault(error)) logger.warn({ err: error }, 'a handshake failed')
        next(refusal(error))
      },
    )
  })
  const handlers = createHandlers({ clock, backend, sends, receipts, watches, visibility })
  serveConnections({ io, clock, logger, node, rooms, sessions, reporter, handlers, rateLimits })
  const sweep = every(clock, outgoingLimits.checkMs, () => {
    dropSlowClients(io, logger)
    sends.sweep()
  })

  const http = createHttpApp(
    {
      app: 'realtime',
      version: deps.version,
      logger,
      metrics,
      sidecar,
      draining: isDraining,
      readiness: async () => ({
        sidecar: await sidecar.check(),
        ...(redis && { redis: redis.check() }),
      }),
      ...(deps.appApiToken === undefined ? {} : { appApiToken: deps.appApiToken }),
    },
    (http) =>
      registerEvents(http, cluster, ({ userId, ...read }) => {
        io.to(userRoom(userId)).emit('read', read)
        receipts.read(read.conversationId, userId, read.readSeq)
      }),
  )

  return {
    http,
    attach: (server) => void io.attach(server),
    async drain() {
      draining = true
      await drainSockets({ io, clock, pendingSends: sends.pending })
      await reporter.closing()
    },
    async close() {
      sweep.cancel()
      reporter.stop()
      receipts.close()
      sends.close()
      batcher.close()
      rooms.close()
      // Without `local` it would end the sockets of every node.
      io.local.disconnectSockets(true)
      io.engine?.close()
      redis?.close()
    },
  }
}
