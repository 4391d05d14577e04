// Each fault that is planted into a profile of the repository is found, and nothing else.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { contracts } from '../lib/doctor/contracts.mjs'
import { diagnose } from '../lib/doctor/diagnose.mjs'
import { profileSets } from '../lib/doctor/sets.mjs'
import { become, change, context, finds, mongo, planted, remove, set, sqlite } from './planting.mjs'

/** @import { Plant } from './planting.mjs' */

/** @type {[name: string, wish: { broker?: string, stores?: string }, plant: Plant, expected: RegExp[]][]} */
const faults = [
  [
    'keyPrefix',
    { stores: 'redis' },
    ({ store }) => set(store('auth'), 'keyPrefix', 'name'),
    [/^error: keyPrefix is "name"/],
  ],
  [
    'no keyPrefix',
    {},
    ({ store }) => set(store('auth'), 'keyPrefix', undefined),
    [/^error: keyPrefix is missing/],
  ],
  [
    'Redis tries again',
    { stores: 'redis' },
    ({ store }) => set(store('auth'), 'redisMaxRetries', undefined),
    [/^error: redisMaxRetries is missing \(3/],
  ],
  [
    'Redis takes 0 for 3',
    { stores: 'redis' },
    ({ store }) => set(store('auth'), 'redisMaxRetries', '0'),
    [/^error: redisMaxRetries is "0", which the client takes/],
  ],
  [
    'PostgreSQL v1',
    {},
    ({ store }) => become(store('auth'), 'state.postgresql', 'v1'),
    [/^warning: state.postgresql v1 was never tried/, /^warning: the fields of state.postgresql v1/],
  ],
  ['few connections', {}, ({ store }) => set(store('auth'), 'maxConns', '4'), [/^warning: maxConns is 4/]],
  [
    'commits that are not waited for',
    {},
    ({ store }) => set(store('auth'), 'connectionString', 'host=db synchronous_commit=off'),
    [/^error: the connection string turns synchronous_commit off/],
  ],
  [
    'no ETags',
    {},
    ({ store }) => become(store('auth'), 'state.memcached'),
    [/^error: state.memcached has no ETags/, /^warning: the fields of/],
  ],
  [
    'no create',
    {},
    ({ store }) => become(store('auth'), 'state.azure.blobstorage', 'v2'),
    [/^error: state.azure.blobstorage cannot create/, /^warning: the fields of/],
  ],
  [
    'in memory',
    {},
    ({ store }) => become(store('auth'), 'state.in-memory'),
    [/^error: state.in-memory forgets/, /^warning: the fields of/],
  ],
  [
    'SQLite in memory',
    {},
    ({ store }) => sqlite(store('auth'), ':memory:'),
    [/^error: the database is in memory/],
  ],
  [
    'SQLite that does not wait for the disk',
    {},
    ({ store }) => sqlite(store('auth'), 'file:a.db?_pragma=synchronous(OFF)'),
    [/^error: the connection string turns synchronous off/],
  ],
  [
    'MongoDB as it comes',
    {},
    ({ store }) => mongo(store('auth'), {}),
    [/^error: writeconcern is missing \(1/, /^warning: readconcern is missing/],
  ],
  [
    'MongoDB, one server',
    {},
    ({ store }) => mongo(store('auth'), { writeconcern: '1', readconcern: 'majority' }),
    [/^error: writeconcern is "1"/],
  ],
  [
    'MongoDB, reads from others',
    {},
    ({ store }) =>
      mongo(store('auth'), {
        writeconcern: 'majority',
        readconcern: 'majority',
        params: '?readPreference=secondary',
      }),
    [/^error: readPreference is not primary/],
  ],
  [
    'MongoDB, as it should be',
    {},
    ({ store }) => mongo(store('auth'), { writeconcern: 'majority', readconcern: 'majority' }),
    [],
  ],

  [
    'a policy at a store',
    {},
    ({ policy }) => {
      policy.spec.targets.components['auth-store'] = { outbound: { retry: 'redelivery' } }
    },
    [/^error: there is a policy for the store auth-store/],
  ],
  [
    'a policy at every store, by its name',
    {},
    ({ policy }) => {
      policy.spec.policies.retries.DefaultStatestoreComponentOutboundRetryPolicy = { policy: 'constant' }
    },
    [/^error: "DefaultStatestore.*a name by which Dapr/],
  ],
  [
    'a circuit breaker',
    {},
    ({ policy }) => {
      policy.spec.policies.circuitBreakers = { open: { trip: 'consecutiveFailures > 5' } }
      policy.spec.targets.components.pubsub.inbound.circuitBreaker = 'open'
    },
    [/^error: there is a circuit breaker/],
  ],
  [
    'no retry',
    {},
    ({ policy }) => {
      delete policy.spec.targets.components.pubsub.inbound.retry
    },
    [/^error: no retry brings an event again to /],
  ],
  [
    'no Resiliency',
    {},
    ({ policy }) => {
      policy.kind = 'HTTPEndpoint'
      policy.spec = {}
    },
    [/^error: no retry brings an event again to /],
  ],
  [
    'a Resiliency that is not for all',
    {},
    ({ policy }) => {
      policy.scopes = ['realtime', 'messages', 'presence']
    },
    [/^error: no retry brings an event again to notifications:/],
  ],
  [
    'a retry that is not there',
    {},
    ({ policy }) => {
      policy.spec.targets.components.pubsub.inbound.retry = 'redelivry'
    },
    [/^error: there is no retry "redelivry"/],
  ],
  [
    'few retries',
    {},
    ({ policy }) => {
      policy.spec.policies.retries.redelivery.maxRetries = 4
    },
    [/^error: the retry "redelivery" gives up after 4 s/],
  ],
  [
    'retries without end',
    {},
    ({ policy }) => {
      policy.spec.policies.retries.redelivery = { policy: 'constant', duration: '5s' }
    },
    [/^warning: the retry "redelivery" never ends/],
  ],
  [
    'long pauses',
    {},
    ({ policy }) => {
      delete policy.spec.policies.retries.redelivery.maxInterval
    },
    [/^warning: the retry "redelivery" waits up to 60 s/],
  ],

  [
    'no dead letter topic',
    {},
    ({ subscription }) => {
      delete subscription('realtime.message.stored').spec.deadLetterTopic
    },
    [/^error: message.stored has no deadLetterTopic/],
  ],
  [
    'its own dead letter topic',
    {},
    ({ subscription }) => {
      subscription('realtime.message.stored').spec.deadLetterTopic = 'message.stored'
    },
    [
      /^error: message.stored is its own/,
      /^error: publishingScopes does not open message.stored to realtime/,
    ],
  ],
  [
    'dead letters that nobody hears',
    {},
    ({ all, subscription }) => {
      remove(all, subscription('messages.dead-letter.presence'))
    },
    Array(3).fill(/^error: nobody subscribes to dead-letter.presence/),
  ],
  [
    'an event that nobody hears',
    {},
    ({ all, subscription }) => {
      remove(all, subscription('notifications.message.stored'))
    },
    [/^error: notifications does not hear message.stored/],
  ],
  [
    'a Subscription for everybody',
    {},
    ({ subscription }) => {
      delete subscription('realtime.presence.changed').scopes
    },
    [/^error: presence.changed goes to every app/],
  ],
  [
    'another broker',
    {},
    ({ subscription }) => {
      subscription('realtime.presence.changed').spec.pubsubname = 'events'
    },
    [/^error: presence.changed is of the component "events"/],
  ],
  [
    'a classic queue',
    { broker: 'rabbitmq' },
    ({ subscription }) => {
      delete subscription('realtime.presence.changed').spec.metadata
    },
    [/^error: presence.changed has a classic queue/],
  ],
  [
    'in bulk',
    {},
    ({ subscription }) => {
      subscription('realtime.presence.changed').spec.bulkSubscribe = { enabled: true }
    },
    [/^warning: presence.changed is subscribed to in bulk/],
  ],
  [
    'a topic that is closed',
    {},
    ({ broker }) => change(broker, 'subscriptionScopes', 'notifications=message.stored', 'notifications='),
    [/^error: subscriptionScopes does not open message.stored to notifications/],
  ],
  [
    'a dead letter topic that is closed',
    {},
    ({ broker }) =>
      change(broker, 'publishingScopes', 'notifications=dead-letter.notifications', 'notifications='),
    [/^error: publishingScopes does not open dead-letter.notifications to notifications/],
  ],
  [
    'a topic that is not allowed',
    {},
    ({ broker }) => change(broker, 'allowedTopics', 'session.revoked,', ''),
    [
      /^error: allowedTopics does not open session.revoked to auth/,
      /^error: allowedTopics does not open session.revoked to realtime/,
    ],
  ],

  [
    'a topic that its publisher may not publish',
    {},
    ({ broker }) => change(broker, 'publishingScopes', 'message.stored,', ''),
    [/^error: publishingScopes does not open message.stored to messages/],
  ],
  [
    'a protected topic, for who has no entry',
    {},
    ({ broker }) => {
      set(broker, 'protectedTopics', 'message.stored')
      change(broker, 'subscriptionScopes', 'notifications=message.stored', '')
    },
    [/^error: subscriptionScopes does not open message.stored to notifications/],
  ],
  [
    'a path on which nobody listens',
    {},
    ({ subscription }) => {
      subscription('realtime.presence.changed').spec.routes.default = '/events/presence'
    },
    [/^error: presence.changed goes to the path "\/events\/presence"/],
  ],
  [
    'rules of routing',
    {},
    ({ subscription }) => {
      subscription('realtime.presence.changed').spec.routes.rules = [{ match: 'true', path: '/x' }]
    },
    [/^error: presence.changed has routes.rules/],
  ],
  [
    'a Subscription of the first version',
    {},
    ({ subscription }) => {
      const one = subscription('realtime.presence.changed')
      one.apiVersion = 'dapr.io/v1alpha1'
      delete one.spec.routes
      one.spec.route = '/events/presence.changed'
    },
    [],
  ],

  [
    'a password in clear',
    { stores: 'redis' },
    ({ store }) => set(store('auth'), 'redisPassword', 'hunter2'),
    [/^error: redisPassword stands here in clear/],
  ],
  [
    'a key of AWS in clear',
    { broker: 'aws' },
    ({ broker }) => set(broker, 'secretKey', 'hunter2'),
    [/^error: secretKey stands here in clear/],
  ],
  [
    'an address with a password',
    { broker: 'mqtt' },
    ({ broker }) => set(broker, 'url', 'mqtt://me:hunter2@host:1883'),
    [/^error: an address or a text with a password or key stands here/],
  ],
  [
    'a connection string with a password',
    {},
    ({ store }) => set(store('auth'), 'connectionString', 'host=db password=hunter2'),
    [/^error: an address or a text with a password/],
  ],
  [
    'a password in the configuration',
    {},
    ({ configuration: one }) => {
      one.spec.nameResolution.configuration.connectionString = 'postgres://me:hunter2@db/names'
    },
    [/^error: an address or a text with a password/],
  ],
  [
    'an address with a port and an @',
    { broker: 'mqtt' },
    ({ broker }) => set(broker, 'url', 'mqtt://host:1883/parley@home'),
    [],
  ],
  [
    'an address without a password',
    { broker: 'mqtt' },
    ({ broker }) => set(broker, 'url', 'mqtt://host:1883'),
    [],
  ],
  [
    'no secret store named',
    {},
    ({ store }) => {
      delete store('auth').auth
    },
    [/^error: auth-store refers to secrets but names no secret store/],
  ],
  [
    'another secret store',
    {},
    ({ store }) => {
      store('auth').auth = { secretStore: 'vault' }
    },
    [/^error: there is no secret store "vault"/],
  ],
  [
    'no secret store',
    {},
    ({ all, secrets }) => remove(all, secrets),
    [
      ...Array(5).fill(/^error: there is no secret store "secrets"$/),
      /^error: there is no secret store "secrets", which every service asks/,
    ],
  ],

  [
    'a store by another name',
    {},
    ({ store }) => {
      store('auth').metadata.name = 'users'
    },
    [/^error: no service knows a store by the name "users"/, /^error: there is no component "auth-store"/],
  ],
  [
    'a broker by another name',
    {},
    ({ broker }) => {
      broker.metadata.name = 'events'
    },
    [/^error: no service knows a broker by the name "events"/, /^error: there is no component "pubsub"/],
  ],
  [
    'a second broker',
    {},
    ({ all, broker }) => {
      all.push(structuredClone(broker))
    },
    [/^error: there is a second component "pubsub"/],
  ],
  [
    'no scopes',
    {},
    ({ store }) => {
      delete store('auth').scopes
    },
    [/^error: auth-store has no scopes/],
  ],
  [
    'scopes that leave its service out',
    {},
    ({ store }) => {
      store('auth').scopes = ['messages']
    },
    [/^error: auth-store is closed to auth/, /^warning: auth-store is open to messages/],
  ],
  [
    'a DirectStore for another service',
    { stores: 'reference' },
    ({ store }) => {
      store('messages').scopes = ['auth', 'messages']
    },
    [/^warning: messages-store is open to auth/],
  ],

  [
    'a field of metadata',
    { broker: 'rabbitmq' },
    ({ broker }) => set(broker, 'publisherConfirms', 'true'),
    [/^error: pubsub.rabbitmq has no field "publisherConfirms"/],
  ],
  [
    'a field of a Component',
    {},
    ({ store }) => {
      store('auth').scope = ['auth']
    },
    [/^error: "scope" is no field of a Component/],
  ],
  [
    'a field of a spec',
    {},
    ({ store }) => {
      store('auth').spec.ignoreError = true
    },
    [/^error: "ignoreError" in spec is no field of a Component/],
  ],
  [
    'a field of a Subscription',
    {},
    ({ subscription }) => {
      subscription('realtime.presence.changed').spec.deadLettersTopic = 'x'
    },
    [/^error: "deadLettersTopic" in spec is no field of a Subscription/],
  ],
  [
    'a field of a Resiliency',
    {},
    ({ policy }) => {
      policy.spec.policies.retries.redelivery.maxElapsedTime = '1h'
    },
    [/^error: "maxElapsedTime" in spec.policies.retries.redelivery is no field of a Resiliency/],
  ],
  [
    'a field of a Configuration',
    {},
    ({ configuration: one }) => {
      one.spec.tracing.samplingrates = '1'
    },
    [/^error: "samplingrates" in spec.tracing is no field of a Configuration/],
  ],
  [
    'a field of a DirectStore',
    { stores: 'reference' },
    ({ store }) => {
      store('messages').spec.type = 'mongodb'
    },
    [/^error: "type" in spec is no field of a DirectStore/],
  ],
  [
    'a kind',
    {},
    ({ all }) => {
      all.push({ apiVersion: 'dapr.io/v1alpha1', kind: 'Componnt', metadata: {}, spec: {} })
    },
    [/^error: Dapr has no kind "Componnt"/],
  ],
  [
    'a version of a kind',
    {},
    ({ policy }) => {
      policy.apiVersion = 'dapr.io/v1'
    },
    [/^error: Dapr has no Resiliency of "dapr.io\/v1"/],
  ],
  [
    'no kind',
    {},
    ({ all }) => {
      all.push(/** @type {any} */ ({ services: {} }))
    },
    [/^error: it has no kind/],
  ],
  [
    'a list in the place of a document',
    {},
    ({ all }) => {
      all.push(/** @type {any} */ ([]))
    },
    [/^error: it is not a map/],
  ],
  [
    'a word in the place of a document',
    {},
    ({ all }) => {
      all.push(/** @type {any} */ ('hello'))
    },
    [/^error: it is not a map/],
  ],
  [
    'a Component with a kind and no more',
    {},
    ({ all }) => {
      all.push(/** @type {any} */ ({ apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: null }))
    },
    [/^error: it has no spec.type/],
  ],
  [
    'metadata as a map',
    {},
    ({ store }) => {
      store('auth').spec.metadata = { keyPrefix: 'none' }
    },
    [/^error: spec.metadata is not a list/, /^error: there is no component "auth-store"/],
  ],
  [
    'an empty entry of metadata',
    {},
    ({ store }) => {
      store('auth').spec.metadata.push(null)
    },
    [/^error: this entry has no name/],
  ],
  [
    'a word as an entry of metadata',
    {},
    ({ store }) => {
      store('auth').spec.metadata.push('keyPrefix')
    },
    [/^error: spec.metadata.\d is not a map of envRef, name/, /^error: there is no component "auth-store"/],
  ],
  [
    'one scope without a list',
    {},
    ({ store }) => {
      store('auth').scopes = 'auth'
    },
    [/^error: scopes is not a list/, /^error: there is no component "auth-store"/],
  ],
  [
    'a policy in the place of its name',
    {},
    ({ policy }) => {
      policy.spec.targets.components.pubsub.inbound.retry = { policy: 'constant' }
    },
    [/^error: spec.targets.components.pubsub.inbound.retry is not a single value/, /^error: no retry brings/],
  ],
  [
    'a name in the place of metadata',
    {},
    ({ store }) => {
      store('auth').metadata = 'auth-store'
    },
    [/^error: metadata is not a map/, /^error: there is no component "auth-store"/],
  ],
  [
    'a document of comments',
    {},
    ({ all }) => {
      all.push(/** @type {any} */ (null))
    },
    [],
  ],
]

describe('a planted fault', () => {
  for (const [name, wish, plant, expected] of faults) test(name, () => finds(wish, plant, expected))

  test('in an address that is a secret of this machine, which is not shown', () => {
    const secrets = { 'postgres-url': 'host=db password=hunter2 synchronous_commit=off' }
    const found = diagnose(profileSets({}), { contracts, secrets })
    assert.equal(found.length, 4, 'each store has it')
    for (const { what } of found) assert.match(what, /^the connection string turns synchronous_commit off/)
    assert.doesNotMatch(JSON.stringify(found), /hunter2/)
  })
  test('what was meant is said', () => {
    const sets = planted({ broker: 'rabbitmq' }, ({ broker }) => set(broker, 'publisherConfirms', 'true'))
    assert.equal(diagnose(sets, context)[0]?.change, 'remove it, or did you mean "publisherConfirm"?')
  })
})
