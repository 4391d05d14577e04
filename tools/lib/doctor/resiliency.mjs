// How often an event is brought again, and that nothing is tried again at a store.
import { componentsOf, error, ofKind, seconds, warning } from './finding.mjs'

/** @import { Context, Finding, Resource, Rule } from './finding.mjs' */

const leastSeconds = 300
const mostPauseSeconds = 5
const kinds = /** @type {const} */ ({
  timeout: 'timeouts',
  retry: 'retries',
  circuitBreaker: 'circuitBreakers',
})

/** @type {Rule} */
export const resiliency = (resources, context) => {
  const policies = ofKind(resources, 'Resiliency')
  return [
    ...redelivery(policies, context),
    ...policies.flatMap((one) => [
      ...atStores(one, resources, context),
      ...names(one),
      ...breakers(one, context),
    ]),
  ]
}

const targetsOf = (/** @type {Resource} */ { document }) => document.spec?.targets?.components ?? {}
const inboundOf = (/** @type {Resource} */ one, /** @type {Context} */ { contracts }) =>
  targetsOf(one)[contracts.pubsub]?.inbound
const inboundPath = (/** @type {Context} */ { contracts }) => [
  'spec',
  'targets',
  'components',
  contracts.pubsub,
  'inbound',
]

/**
 * @param {readonly Resource[]} policies
 * @param {Context} context
 * @returns {Finding[]}
 */
function redelivery(policies, context) {
  const subscribers = new Set(context.contracts.events.flatMap((event) => event.subscribers))
  const apps = context.apps.filter((app) => subscribers.has(app))
  const holds = (/** @type {Resource} */ { document }, /** @type {string} */ app) =>
    !document.scopes?.length || document.scopes.includes(app)
  const withRetry = policies.filter((one) => inboundOf(one, context)?.retry)
  const without = apps.filter((app) => !withRetry.some((one) => holds(one, app)))
  const change = `give ${context.contracts.pubsub} an inbound retry, as components/common/resiliency.yaml does`
  const place = policies[0] ?? { file: context.where, document: {} }
  return [
    ...(without.length > 0
      ? [
          error(
            place,
            ['spec', 'targets'],
            `no retry brings an event again to ${without.join(', ')}: what fails once is given up`,
            change,
          ),
        ]
      : []),
    ...withRetry.flatMap((one) => patience(one, context)),
  ]
}

/**
 * @param {Resource} one
 * @param {Context} context
 */
function patience(one, context) {
  const name = inboundOf(one, context).retry
  const policy = one.document.spec?.policies?.retries?.[name]
  if (!policy) return []
  const path = ['spec', 'policies', 'retries', name]
  const { total, longest } = span(policy)
  return [
    // NaN: Dapr refuses a duration that it cannot read.
    ...(total >= leastSeconds
      ? []
      : [
          error(
            one,
            path,
            `the retry "${name}" gives up after ${Number.isNaN(total) ? 'a time that cannot be read' : `${Math.round(total)} s`}: a short outage fills the dead letter topic`,
            'set policy to exponential, maxInterval to 5s and maxRetries to -1 (15 minutes)',
          ),
        ]),
    ...(total === Number.POSITIVE_INFINITY
      ? [
          warning(
            one,
            path,
            `the retry "${name}" never ends: what can never be handled never comes to the dead letter topic`,
            'set policy to exponential, which ends after 15 minutes',
          ),
        ]
      : []),
    ...(longest > mostPauseSeconds
      ? [
          warning(
            one,
            path,
            `the retry "${name}" waits up to ${longest} s between two tries`,
            'set maxInterval to 5s',
          ),
        ]
      : []),
  ]
}

/**
 * In seconds, on average: an exponential pause is drawn from around its value.
 * @param {any} policy with Dapr's defaults (kit/retry)
 */
export function span({ policy = 'constant', duration = '5s', maxInterval = '60s', maxRetries = -1 }) {
  const tries = Number(maxRetries) < 0 ? Number.POSITIVE_INFINITY : Number(maxRetries)
  if (policy !== 'exponential') {
    return { total: tries === 0 ? 0 : tries * seconds(duration), longest: seconds(duration) }
  }
  const [most, end] = [seconds(maxInterval), 900]
  let [total, pause] = [0, 0.5]
  if (Number.isNaN(most) || Number.isNaN(tries)) return { total: Number.NaN, longest: Number.NaN }
  for (let tried = 0; tried < tries && total < end; tried++) {
    // A pause of nothing would never add up.
    total += Math.max(pause, 0.001)
    pause = Math.min(pause * 1.5, most)
  }
  return { total: Math.min(total, end), longest: most }
}

/**
 * @param {Resource} one
 * @param {readonly Resource[]} resources
 * @param {Context} context
 */
function atStores(one, resources, { contracts }) {
  const stores = new Set([
    ...Object.values(contracts.stores),
    ...componentsOf(resources, 'state.').map(({ name }) => name),
  ])
  const why =
    'a retried create conflicts with itself, and a bulk save may answer well although one of its creates was lost'
  const named = Object.keys(targetsOf(one))
    .filter((name) => stores.has(name))
    .map((name) =>
      error(
        one,
        ['spec', 'targets', 'components', name],
        `there is a policy for the store ${name}: ${why}`,
        'remove it',
      ),
    )
  // In force without a target, by their names (dapr/pkg/resiliency, getDefaultPolicy).
  const byName = Object.values(kinds).flatMap((kind) =>
    Object.keys(one.document.spec?.policies?.[kind] ?? {})
      .filter((name) =>
        /^Default(Statestore)?(Component)?(Outbound)?(Retry|Timeout|CircuitBreaker)Policy$/.test(name),
      )
      .map((name) =>
        error(
          one,
          ['spec', 'policies', kind, name],
          `"${name}" is a name by which Dapr applies a policy to every store: ${why}`,
          'give it another name',
        ),
      ),
  )
  return [...named, ...byName]
}

/** A name that stands for nothing: Dapr then has no policy there. @param {Resource} one */
function names(one) {
  const policies = one.document.spec?.policies ?? {}
  return Object.entries(one.document.spec?.targets ?? {}).flatMap(([group, targets]) =>
    Object.entries(targets ?? {}).flatMap(([target, value]) => {
      const places = group === 'components' ? Object.entries(value ?? {}) : [['', value]]
      return places.flatMap(([direction, place]) =>
        Object.entries(kinds).flatMap(([key, list]) => {
          const name = place?.[key]
          if (!name || Object.hasOwn(policies[list] ?? {}, name)) return []
          const path = ['spec', 'targets', group, target, direction, key].filter((part) => part !== '')
          return [
            error(
              one,
              path,
              `there is no ${key} "${name}": nothing holds for ${target}`,
              `name one that is under policies.${list}`,
            ),
          ]
        }),
      )
    }),
  )
}

/**
 * @param {Resource} one
 * @param {Context} context
 */
function breakers(one, context) {
  if (!inboundOf(one, context)?.circuitBreaker) return []
  const path = [...inboundPath(context), 'circuitBreaker']
  return [
    error(
      one,
      path,
      'there is a circuit breaker before the subscribers: while it is open, events count as failed for good and fill the dead letter topic',
      'remove it',
    ),
  ]
}
