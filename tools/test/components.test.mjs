// The component YAML against the contracts, for every profile: who may publish and hear what, and nobody else. What a
// folder of anyone's must be like, the doctor tells: doctor.test.mjs.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { appIds, componentNames, deadLetterTopic, events, serviceIds } from '@parley/contracts'
import { serverPorts } from '../lib/infrastructure.mjs'
import { readResources, resourcePaths } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'
import { offsetStep, portsOf, readRunFile } from '../lib/run-file.mjs'

const folders = (/** @type {string} */ kind) => readdirSync(join(root, 'components', kind))
const resources = (/** @type {string} */ path) =>
  readResources([join(root, 'components', path)]).map(({ document }) => document)
const common = resources('common')
const ofKind = (/** @type {any[]} */ all, /** @type {string} */ kind) =>
  all.filter((one) => one.kind === kind)
const named = (/** @type {any} */ component) =>
  Object.fromEntries(
    component.spec.metadata.map((/** @type {any} */ item) => [item.name, item.value ?? item.secretKeyRef]),
  )

const busApps = serviceIds
const subscribers = [...new Set(events.flatMap((event) => [...event.subscribers]))]
/** Who publishes: the contracts' publishers; each subscriber's sidecar to its dead letter topic; `messages` replays. */
const mayPublish = (/** @type {string} */ app) => [
  ...events
    .filter(
      ({ publishers, subscribers: heard }) =>
        publishers.some((one) => one === app) || (app === 'messages' && heard.length > 0),
    )
    .map(({ topic }) => topic),
  ...subscribers.filter((one) => one === app).map(deadLetterTopic),
]
const mayHear = (/** @type {string} */ app) => [
  ...events.filter((event) => event.subscribers.some((one) => one === app)).map(({ topic }) => topic),
  ...(app === 'messages' ? subscribers.map(deadLetterTopic) : []),
]

/** `app=topic,topic;app=` → sorted lists by app. Blanks mean nothing to Dapr. */
const parseScopes = (/** @type {string} */ text) =>
  Object.fromEntries(
    text
      .replace(/\s/g, '')
      .split(';')
      .map((part) => {
        const [app = '', topics = ''] = part.split('=')
        return [app, topics.split(',').filter(Boolean).sort()]
      }),
  )
const byApp = (/** @type {(app: string) => string[]} */ list) =>
  Object.fromEntries(busApps.map((app) => [app, list(app).sort()]))

describe('subscriptions', () => {
  const found = ofKind(common, 'Subscription').map(({ spec, scopes }) => ({
    app: scopes.join(),
    topic: spec.topic,
    path: spec.routes.default,
    pubsub: spec.pubsubname,
    deadLetterTopic: spec.deadLetterTopic,
  }))

  test('are those of the contracts, each with its dead letter topic', () => {
    const expected = [
      ...events.flatMap(({ topic, subscribers: apps }) =>
        apps.map((app) => ({ app, topic, deadLetterTopic: deadLetterTopic(app) })),
      ),
      ...subscribers.map((app) => ({
        app: 'messages',
        topic: deadLetterTopic(app),
        deadLetterTopic: undefined,
      })),
    ].map((one) => ({ ...one, path: `/events/${one.topic}`, pubsub: componentNames.pubsub }))
    const key = (/** @type {{ app: string, topic: string }} */ one) => `${one.app} ${one.topic}`
    const sorted = (/** @type {any[]} */ list) => [...list].sort((a, b) => (key(a) < key(b) ? -1 : 1))
    assert.deepEqual(sorted(found), sorted(expected))
  })
})

test('every profile has one policy, the same; the address of each server is a secret', () => {
  const everywhere = [
    common,
    ...folders('brokers').map((name) => resources(`brokers/${name}`)),
    ...folders('stores').map((name) => resources(`stores/${name}`)),
  ].flat()
  assert.equal(ofKind(common, 'Resiliency').length, 1)
  assert.equal(ofKind(everywhere, 'Resiliency').length, 1)
  for (const { metadata, spec } of ofKind(everywhere, 'Component')) {
    if (spec.type.startsWith('secretstores.')) continue
    const refers = spec.metadata.some((/** @type {any} */ item) => item.secretKeyRef)
    assert.ok(refers, `${metadata.name} names its server`)
  }
})

for (const broker of folders('brokers')) {
  test(`broker ${broker}: topics are open to those of the contracts and nobody else`, () => {
    const [component, ...others] = ofKind(resources(`brokers/${broker}`), 'Component')
    const bindings = others.map(({ metadata, scopes }) => [metadata.name, scopes])
    assert.deepEqual(bindings, broker === 'aws' ? [[componentNames.bindings.sns, ['notifications']]] : [])
    assert.equal(component.metadata.name, componentNames.pubsub)
    assert.deepEqual([...component.scopes].sort(), [...busApps].sort())
    const metadata = named(component)
    assert.deepEqual(parseScopes(metadata.publishingScopes), byApp(mayPublish))
    assert.deepEqual(parseScopes(metadata.subscriptionScopes), byApp(mayHear))
    assert.deepEqual(
      metadata.allowedTopics.replace(/\s/g, '').split(',').sort(),
      [...events.map(({ topic }) => topic), ...subscribers.map(deadLetterTopic)].sort(),
    )
  })
}

for (const stores of folders('stores')) {
  describe(`stores ${stores}`, () => {
    const components = ofKind(resources(`stores/${stores}`), 'Component')
    const direct = ofKind(resources(`stores/${stores}`), 'DirectStore')

    test('there is one per service that keeps something, for that service alone', () => {
      const all = [...components, ...direct]
      const found = Object.fromEntries(all.map(({ metadata, scopes }) => [metadata.name, scopes]))
      assert.deepEqual(
        found,
        Object.fromEntries(Object.entries(componentNames.stores).map(([app, name]) => [name, [app]])),
      )
    })

    test('a table per service', () => {
      const prefixes = components.flatMap((component) => named(component).tablePrefix ?? [])
      assert.equal(new Set(prefixes).size, prefixes.length)
    })
  })
}

test('no two services keep documents under the same prefix: one store may hold the keys of all', () => {
  /** @type {Map<string, string>} prefix → service */
  const owners = new Map()
  for (const service of readdirSync(join(root, 'services'))) {
    const directory = join(root, 'services', service, 'src')
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue
      const source = readFileSync(join(directory, name), 'utf8')
      for (const [, prefix = ''] of source.matchAll(/defineFamily\(\{\s*prefix: '([^']+)'/g)) {
        assert.equal(owners.get(prefix) ?? service, service, `"${prefix}:" of ${service}`)
        owners.set(prefix, service)
      }
    }
  }
  assert.deepEqual(
    [...new Set(owners.values())].sort(),
    Object.keys(componentNames.stores).sort(),
    'every service that has a store was found',
  )
})

describe('dapr.yaml', () => {
  test('has every app of the contracts, each with ports of its own', () => {
    const apps = readRunFile()
    assert.deepEqual(apps.map(({ id }) => id).sort(), [...appIds].sort())
    const ports = apps.flatMap((app) => [
      app.appPort,
      app.daprHttpPort,
      app.daprGrpcPort,
      app.daprInternalGrpcPort,
      app.metricsPort,
      app.env.GATEWAY_PORT,
      app.env.METRICS_PORT,
    ])
    const taken = ports.filter((port) => port !== undefined).map(Number)
    assert.equal(new Set(taken).size, taken.length)
  })

  test('an offset shifts every port, also those in the environment', () => {
    const [plain, shifted] = [readRunFile(), readRunFile({ portOffset: 1000 })].map((apps) =>
      apps.find(({ id }) => id === 'gateway'),
    )
    assert.equal(shifted?.daprHttpPort, Number(plain?.daprHttpPort) + 1000)
    assert.equal(Number(shifted?.env.GATEWAY_PORT), Number(plain?.env.GATEWAY_PORT) + 1000)
    assert.equal(Number(shifted?.env.REALTIME_PORT), Number(plain?.env.REALTIME_PORT) + 1000)
  })

  test('starts side by side share no port, whichever offsets they have', () => {
    const ports = [
      ...portsOf(readRunFile({ replicas: 5 })).map(({ port }) => port),
      ...Object.values(serverPorts(0)),
    ]
    assert.equal(new Set(ports.map((port) => port % offsetStep)).size, ports.length)
  })

  test('names resources that exist', () => {
    for (const path of resourcePaths({ broker: 'mqtt', stores: 'postgres' }))
      assert.ok(readResources([path]).length > 0)
  })
})
