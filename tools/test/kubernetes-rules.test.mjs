// Who may reach, call and read what in k8s/, held to the contracts.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { appIds, routes } from '@parley/contracts'
import { daprResources } from '../lib/kubernetes/dapr-resources.mjs'
import { findProgram } from '../lib/kubernetes/programs.mjs'
import { overlay, render } from '../lib/kubernetes/render.mjs'
import { profiles, readYaml } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'

const written = join(root, 'k8s/base/dapr')
const documentsOf = (/** @type {string} */ file) =>
  readYaml(join(written, file)).map(({ document }) => document)

test('k8s/base/dapr is what `npm run k8s:resources` writes', async () => {
  const files = await daprResources(/** @type {any} */ (profiles.reference))
  assert.deepEqual(readdirSync(written).sort(), Object.keys(files).sort())
  for (const [name, text] of Object.entries(files))
    assert.equal(readFileSync(join(written, name), 'utf8'), text, `${name} is stale: npm run k8s:resources`)
})

describe('access control', () => {
  /** @type {Map<string, any>} */
  const configurations = new Map(
    documentsOf('configurations.yaml').map(({ metadata, spec }) => [metadata.name, spec]),
  )

  test('denies by default, everywhere', () => {
    assert.deepEqual([...configurations.keys()].sort(), [...appIds].sort())
    for (const [app, { accessControl, secrets }] of configurations) {
      assert.equal(accessControl.defaultAction, 'deny', app)
      for (const policy of accessControl.policies) assert.equal(policy.defaultAction, 'deny', app)
      assert.deepEqual(
        secrets.scopes.map((/** @type {any} */ { storeName, defaultAccess }) => [storeName, defaultAccess]),
        [['secrets', 'deny']],
      )
    }
  })

  /** As Dapr matches: an operation, without regard to case, whose segments the path begins with. */
  const mayCall = (
    /** @type {string} */ caller,
    /** @type {string} */ app,
    /** @type {string} */ verb,
    /** @type {string} */ path,
  ) =>
    configurations
      .get(app)
      .accessControl.policies.filter((/** @type {any} */ { appId }) => appId === caller)
      .flatMap((/** @type {any} */ { operations }) => operations)
      .some(
        (/** @type {any} */ { name, httpVerb }) =>
          httpVerb.includes(verb) && `${path.toLowerCase()}/`.startsWith(`${name.toLowerCase()}/`),
      )

  for (const { id, app, method, path, access } of routes)
    test(`${id}: who may call it`, () => {
      const others = appIds.filter((caller) => caller !== app)
      const allowed = others.filter((caller) => mayCall(caller, app, method, path))
      if (typeof access !== 'string')
        assert.deepEqual(
          allowed,
          access.filter((one) => one !== app),
        )
      else {
        assert.ok(allowed.includes('gateway'))
        const more = allowed.filter((caller) => caller !== 'gateway')
        assert.deepEqual(more, id === 'getJwks' ? ['messages', 'presence', 'notifications'] : [])
      }
    })

  test('only auth asks whether others are ready, and nobody brings an event but a sidecar to its own app', () => {
    for (const app of appIds)
      for (const caller of appIds.filter((one) => one !== app)) {
        assert.equal(mayCall(caller, app, 'GET', '/readyz'), caller === 'auth' && app !== 'gateway')
        assert.equal(mayCall(caller, app, 'POST', '/events/message.stored'), false)
      }
  })

  test('a service account reads the secrets of its components, and its app asks for fewer', () => {
    const roles = documentsOf('secret-access.yaml').filter(({ kind }) => kind === 'Role')
    const readable = Object.fromEntries(roles.map(({ metadata, rules }) => [metadata.name, rules]))
    assert.deepEqual(readable['realtime-secrets'], [
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: ['rabbitmq-url', 'redis-url'],
        verbs: ['get'],
      },
    ])
    assert.equal(readable['gateway-secrets'], undefined)
    for (const app of appIds) {
      const { allowedSecrets } = configurations.get(app).secrets.scopes[0]
      const names = readable[`${app}-secrets`]?.[0].resourceNames ?? []
      for (const name of allowedSecrets) assert.ok(names.includes(name), `${app}: ${name}`)
    }
  })
})

const kubectl = findProgram('kubectl')
for (const name of ['kind', 'production'])
  describe(`the network of ${name}`, { skip: kubectl === undefined && 'kubectl is not installed' }, () => {
    const all = kubectl === undefined ? [] : render(kubectl, overlay(name))
    const policies = all.filter(({ kind }) => kind === 'NetworkPolicy')
    const ingress = policies.flatMap(({ metadata, spec }) =>
      (spec.ingress ?? []).map((/** @type {any} */ rule) => ({ name: metadata.name, ...rule })),
    )

    test('nothing comes in or goes out unless a policy says so', () => {
      const [deny] = policies.filter(({ metadata }) => metadata.name === 'default-deny')
      assert.deepEqual(deny.spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    })

    test('only the gateway is open to the world', () => {
      const open = ingress.filter(({ from }) => from === undefined)
      assert.deepEqual(open, [{ name: 'gateway', ports: [{ protocol: 'TCP', port: 'http' }] }])
      const outside = all.filter(
        ({ kind, spec }) => kind === 'Service' && (spec.type ?? 'ClusterIP') !== 'ClusterIP',
      )
      assert.deepEqual(
        outside.map(({ metadata }) => metadata.name),
        ['gateway'],
      )
    })

    test('of a sidecar only the port between sidecars and its metrics are open', () => {
      const ports = ingress
        .filter((rule) => rule.name === 'sidecars')
        .flatMap((rule) => rule.ports.map((/** @type {any} */ { port, endPort }) => endPort ?? port))
      assert.deepEqual(ports, [50002, 9090, 4105])
      for (const rule of ingress)
        for (const { port } of rule.ports) assert.ok(![3500, 3501, 50001].includes(port))
    })

    test('a door that is open at one end is open at the other', () => {
      const labels = new Map(
        all
          .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
          .map(({ metadata, spec }) => {
            const app = spec.template.metadata.annotations?.['dapr.io/app-id']
            return [
              metadata.name,
              { ...spec.template.metadata.labels, ...(app ? { 'dapr.io/app-id': app } : {}) },
            ]
          }),
      )
      const leaves = (
        /** @type {string} */ from,
        /** @type {string} */ to,
        /** @type {string | number} */ port,
      ) =>
        policies.some(
          ({ spec }) =>
            selects(spec.podSelector, labels.get(from)) &&
            (spec.egress ?? []).some(
              (/** @type {any} */ rule) =>
                rule.ports.some((/** @type {any} */ one) => one.port === port) &&
                rule.to.some(
                  (/** @type {any} */ peer) => peer.podSelector && selects(peer.podSelector, labels.get(to)),
                ),
            ),
        )
      for (const { spec } of policies)
        for (const rule of spec.ingress ?? [])
          for (const peer of rule.from ?? [])
            for (const from of labels.keys())
              for (const to of labels.keys())
                if (
                  peer.podSelector &&
                  selects(peer.podSelector, labels.get(from)) &&
                  selects(spec.podSelector, labels.get(to))
                )
                  for (const { port } of rule.ports)
                    assert.ok(leaves(from, to, port), `${from} → ${to}:${port}`)
    })
  })

/**
 * @param {any} selector
 * @param {any} labels
 */
function selects({ matchLabels = {}, matchExpressions = [] }, labels) {
  const fits = {
    Exists: () => true,
    In: (/** @type {any} */ a, /** @type {any} */ b) => b.includes(a),
    NotIn: (/** @type {any} */ a, /** @type {any} */ b) => !b.includes(a),
  }
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(
      (
        /** @type {{ key: string, operator: keyof typeof fits, values: string[] }} */ {
          key,
          operator,
          values,
        },
      ) => (operator === 'NotIn' || key in labels) && fits[operator](labels[key], values),
    )
  )
}

test('KEDA scales by queues that exist', {
  skip: kubectl === undefined && 'kubectl is not installed',
}, () => {
  const queues = documentsOf('subscriptions.yaml').map(({ scopes, spec }) => `${scopes[0]}-${spec.topic}`)
  const scaled = readYaml(join(root, 'k8s/components/keda/scaled-objects.yaml'))
    .flatMap(({ document }) => document.spec.triggers ?? [])
    .filter(({ type }) => type === 'rabbitmq')
  assert.ok(scaled.length > 0)
  for (const { metadata } of scaled) assert.ok(queues.includes(metadata.queueName), metadata.queueName)
})
