// The rows: every broker on one set of stores, every set of stores on one broker, and the profiles that have a name; with
// one and with two replicas, but for MQTT, which serves one.
import { chooseProfile, profiles } from '../lib/profiles.mjs'

/** @typedef {import('../../tests/dist/conformance/subject.js').Combination} Combination */

const onOneReplica = [
  ...['mqtt', 'redis', 'rabbitmq', 'kafka', 'aws', 'nats'].map((broker) => ({ broker, stores: 'postgres' })),
  ...['redis', 'reference'].map((stores) => ({ broker: 'rabbitmq', stores })),
  profiles.redis,
].filter((profile) => profile !== undefined)

/** @type {readonly Combination[]} */
export const all = onOneReplica.flatMap(({ broker, stores }) =>
  broker === 'mqtt'
    ? [
        { broker, stores, replicas: 1 },
        { broker, stores, replicas: 1, brokerServer: 'mosquitto' },
      ]
    : [1, 2].map((replicas) => ({ broker, stores, replicas })),
)

/**
 * @param {{ profile?: string | undefined, broker?: string | undefined, stores?: string | undefined, replicas?: number | undefined }} wish
 * @returns {readonly Combination[]}
 */
export function combinationsFor({ profile, broker, stores, replicas }) {
  // Names that are no folder are refused here.
  const chosen = chooseProfile({ ...(profile === undefined ? {} : { profile }), broker, stores })
  const wanted = profile === undefined ? { broker, stores } : chosen
  const fits = (/** @type {Combination} */ one) =>
    (wanted.broker ?? one.broker) === one.broker &&
    (wanted.stores ?? one.stores) === one.stores &&
    (replicas ?? one.replicas) === one.replicas
  const found = all.filter(fits)
  return found.length > 0 ? found : [{ ...chosen, replicas: replicas ?? 1 }]
}

/** @param {Combination} combination */
export const nameOf = ({ broker, stores, replicas, brokerServer }) =>
  `${broker}${brokerServer ? ` (${brokerServer})` : ''} + ${stores}, ${replicas === 1 ? 'one replica' : `${replicas} replicas`}`

/** @param {Combination} combination */
export const keyOf = ({ broker, stores, replicas, brokerServer }) =>
  [broker, stores, replicas, brokerServer ?? ''].join(' ')
