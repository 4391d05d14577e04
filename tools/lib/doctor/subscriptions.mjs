// Who hears what, and where it goes that nobody could handle.
import { componentsOf, error, ofKind, setting, warning } from './finding.mjs'

/** @import { Context, Finding, Resource, Rule } from './finding.mjs' */

/** @type {Rule} */
export const subscriptions = (resources, context) => {
  const all = ofKind(resources, 'Subscription').filter(
    ({ document }) =>
      !document.scopes?.length ||
      document.scopes.some((/** @type {string} */ app) => context.apps.includes(app)),
  )
  return [
    ...all.flatMap((one) => [
      ...deadLetters(one, all, context),
      ...place(one, context),
      ...route(one, context),
      ...delivery(one, resources),
    ]),
    ...topicScopes(all, resources, context),
    ...missing(all, context),
  ]
}

/**
 * @param {Resource} one
 * @param {readonly Resource[]} all
 * @param {Context} context
 * @returns {Finding[]}
 */
function deadLetters(one, all, { contracts, heard }) {
  const { topic, deadLetterTopic } = one.document.spec ?? {}
  const path = ['spec', 'deadLetterTopic']
  if (!deadLetterTopic) {
    // What hears dead letters has nowhere to send what it cannot handle.
    const apps = contracts.events.flatMap(({ subscribers }) => subscribers)
    if (apps.some((app) => contracts.deadLetterTopic(app) === topic)) return []
    if (all.some(({ document }) => document.spec?.deadLetterTopic === topic)) return []
    return [
      error(
        one,
        ['spec'],
        `${topic} has no deadLetterTopic: what cannot be handled is gone`,
        'add deadLetterTopic: dead-letter.<app>',
      ),
    ]
  }
  if (deadLetterTopic === topic) {
    return [
      error(
        one,
        path,
        `${topic} is its own dead letter topic: what cannot be handled comes for ever`,
        'set deadLetterTopic to dead-letter.<app>',
      ),
    ]
  }
  if (heard.has(deadLetterTopic) || all.some(({ document }) => document.spec?.topic === deadLetterTopic))
    return []
  return [
    error(
      one,
      path,
      `nobody subscribes to ${deadLetterTopic}: what cannot be handled is gone`,
      `add a Subscription to ${deadLetterTopic} for messages, which keeps dead letters`,
    ),
  ]
}

/**
 * @param {Resource} one
 * @param {Context} context
 */
function place(one, { contracts }) {
  const { document } = one
  const { topic, pubsubname } = document.spec ?? {}
  return [
    ...(pubsubname === contracts.pubsub
      ? []
      : [
          error(
            one,
            ['spec', 'pubsubname'],
            `${topic} is of the component "${pubsubname}", and events go through "${contracts.pubsub}"`,
            `set pubsubname to ${contracts.pubsub}`,
          ),
        ]),
    ...(document.scopes?.length === 1
      ? []
      : [
          error(
            one,
            ['scopes'],
            `${topic} goes to ${document.scopes?.length ? document.scopes.join(' and ') : 'every app'} by one Subscription: an app without its route drops it`,
            'name exactly one app in scopes, and make one Subscription per app',
          ),
        ]),
  ]
}

/** A service answers 404 on another path, which drops the event. @param {Resource} one @param {Context} context */
function route(one, { contracts }) {
  const { topic, routes, route: ofFirstVersion } = one.document.spec ?? {}
  const [path, field] = ofFirstVersion ? [ofFirstVersion, 'route'] : [routes?.default, 'routes.default']
  const wanted = contracts.eventPath(topic)
  if (path === wanted && !routes?.rules?.length) return []
  const is = path === wanted ? `${topic} has routes.rules` : `${topic} goes to the path "${path ?? '/'}"`
  return [
    error(
      one,
      ['spec', ...field.split('.')],
      `${is}: no service listens elsewhere than at ${wanted}, and the event is dropped`,
      `set ${field} to ${wanted}, without routes.rules`,
    ),
  ]
}

/**
 * @param {Resource} one
 * @param {readonly Resource[]} resources
 */
function delivery(one, resources) {
  const { topic, metadata, bulkSubscribe } = one.document.spec ?? {}
  const isRabbit = componentsOf(resources, 'pubsub.rabbitmq').length > 0
  return [
    ...(isRabbit && metadata?.queueType !== 'quorum'
      ? [
          error(
            one,
            ['spec', 'metadata'],
            `${topic} has a classic queue on RabbitMQ: it is lost with the disk of its one node`,
            'set metadata.queueType to quorum',
          ),
        ]
      : []),
    ...(bulkSubscribe?.enabled
      ? [
          warning(
            one,
            ['spec', 'bulkSubscribe'],
            `${topic} is subscribed to in bulk: 10 events per second on Redis`,
            'remove bulkSubscribe',
          ),
        ]
      : []),
  ]
}

/**
 * A sidecar refuses what the broker's component does not open to its app.
 * @param {readonly Resource[]} all
 * @param {readonly Resource[]} resources
 * @param {Context} context
 */
function topicScopes(all, resources, { contracts, apps }) {
  const heard = all.flatMap(({ document: { spec, scopes } }) => {
    const app = scopes?.[0]
    const dead = spec?.deadLetterTopic
    const asDead = dead ? [{ app, field: 'publishingScopes', topic: dead }] : []
    return [{ app, field: 'subscriptionScopes', topic: spec?.topic }, ...asDead]
  })
  const published = contracts.events.flatMap(({ topic, publishers }) =>
    publishers.filter((app) => apps.includes(app)).map((app) => ({ app, field: 'publishingScopes', topic })),
  )
  return componentsOf(resources, 'pubsub.')
    .filter(({ name }) => name === contracts.pubsub)
    .flatMap((broker) =>
      [...heard, ...published].flatMap((need) =>
        closedIn(broker, need).map((field) =>
          error(
            broker,
            setting(broker, field).path,
            `${field} does not open ${need.topic} to ${need.app ?? 'every app'}, which needs it`,
            `add ${need.topic} to ${field}`,
          ),
        ),
      ),
    )
}

/**
 * As dapr/pkg/scopes: an app without an entry may use what is not protected.
 * @param {Resource} broker
 * @param {{ app: string | undefined, field: string, topic: string }} need
 */
function closedIn(broker, { app, field, topic }) {
  const text = (/** @type {string} */ name) => (setting(broker, name).value ?? '').replaceAll(' ', '')
  const listed = (/** @type {string} */ name) => text(name).split(',').filter(Boolean)
  const allowed = listed('allowedTopics')
  const entry = text(field)
    .split(';')
    .map((part) => part.split('='))
    .find(([name]) => name === app)
  const isOpen = entry ? entry[1]?.split(',').includes(topic) : !listed('protectedTopics').includes(topic)
  return [
    ...(allowed.length > 0 && !allowed.includes(topic) ? ['allowedTopics'] : []),
    ...(isOpen ? [] : [field]),
  ]
}

/**
 * @param {readonly Resource[]} all
 * @param {Context} context
 */
function missing(all, { contracts, apps, where }) {
  return contracts.events.flatMap(({ topic, subscribers }) =>
    subscribers
      .filter((app) => apps.includes(app))
      .filter(
        (app) =>
          !all.some(
            ({ document }) =>
              document.spec?.topic === topic && (!document.scopes?.length || document.scopes.includes(app)),
          ),
      )
      .map((app) =>
        error(
          { file: where, document: {} },
          [],
          `${app} does not hear ${topic}: there is no Subscription`,
          `add one with the topic ${topic}, the default route /events/${topic} and ${app} in scopes`,
        ),
      ),
  )
}
