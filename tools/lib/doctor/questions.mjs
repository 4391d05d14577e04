// What no file shows: only the servers can tell.
import { componentsOf } from './finding.mjs'

const redis = 'Redis: appendonly yes, appendfsync always, maxmemory-policy noeviction'
const answers = /** @type {Record<string, string>} */ ({
  'state.postgresql': 'PostgreSQL: fsync=on, synchronous_commit=on',
  'state.redis': redis,
  'pubsub.redis': redis,
  'pubsub.kafka': 'Kafka: topics of 16 partitions, replication.factor=3, min.insync.replicas=2',
  'pubsub.jetstream': 'NATS: a stream per topic on files; three replicas, or sync_interval: always',
  'pubsub.mqtt3': 'MQTT broker: sessions kept, no limit to what is queued',
  'pubsub.rabbitmq': 'RabbitMQ: consumer_timeout over 16 minutes, three nodes',
})

/** @param {readonly import('./finding.mjs').Resource[]} resources */
export const questions = (resources) => [
  ...new Set(componentsOf(resources, '').flatMap(({ type }) => answers[type] ?? [])),
]
