import type { Logger } from '@parley/kit'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import type { ChatServer } from '../sockets/types.ts'
import { type Cluster, type ClusterEvent, clusterContracts } from './cluster.ts'

export interface RedisClients {
  readonly publisher: Redis
  readonly subscriber: Redis
  /** `ok`, or what is wrong. For readiness. */
  check(): string
  close(): void
}

/**
 * The two connections of the Socket.IO Redis adapter. While Redis is away, what would go to other nodes is dropped and
 * counted: logs repair themselves by `seq` and heads, and a queue would bring yesterday's typing.
 */
export function connectRedis(url: string, logger: Logger): RedisClients {
  const publisher = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  // Its subscriptions wait for the connection, however long, and come back with it.
  const subscriber = new Redis(url, { maxRetriesPerRequest: null })
  let lost = 0

  // The adapter (8.3) drops the promise of `publish`: its rejection would end the process.
  const publish = publisher.publish.bind(publisher)
  publisher.publish = ((channel: string, message: string) =>
    publish(channel, message).catch((error: unknown) => {
      lost += 1
      if (lost === 1) logger.warn({ err: error }, 'events do not reach the other nodes')
      return 0
    })) as typeof publisher.publish
  publisher.on('ready', () => {
    if (lost > 0) logger.warn({ lost }, 'Redis is back; events to the other nodes were lost')
    lost = 0
  })
  for (const client of [publisher, subscriber]) {
    client.on('error', (error) => logger.warn({ err: error }, 'the Redis connection has an error'))
  }

  return {
    publisher,
    subscriber,
    check: () =>
      publisher.status === 'ready' && subscriber.status === 'ready' ? 'ok' : 'Redis is not connected',
    close() {
      publisher.disconnect()
      subscriber.disconnect()
    },
  }
}

/** Before any namespace is used: it replaces the adapter that knows the rooms. */
export function useRedis(io: ChatServer, { publisher, subscriber }: RedisClients): void {
  io.adapter(createAdapter(publisher, subscriber, { key: 'parley' }))
}

/** Several nodes: each hands what it hears to all. */
export function redisCluster(io: ChatServer, handle: (event: ClusterEvent) => void, logger: Logger): Cluster {
  io.on('event', (event: ClusterEvent) => {
    // Another version of this service may be at the other end during a rollout.
    const contract = Object.hasOwn(clusterContracts, event.topic) ? clusterContracts[event.topic] : undefined
    const parsed = contract?.data.safeParse(event.data)
    if (parsed?.success) handle({ topic: event.topic, data: parsed.data } as ClusterEvent)
    else logger.warn({ topic: event.topic }, 'another node sent what is not understood here')
  })
  return {
    broadcast(event) {
      handle(event)
      io.serverSideEmit('event', event)
    },
  }
}
