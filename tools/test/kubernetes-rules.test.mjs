// Who may call and read what in k8s/, held to the contracts.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { appIds, routes } from '@parley/contracts'
import { daprResources } from '../lib/kubernetes/dapr-resources.mjs'
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

test('KEDA scales by queues that exist', () => {
  const queues = documentsOf('subscriptions.yaml').map(({ scopes, spec }) => `${scopes[0]}-${spec.topic}`)
  const scaled = readYaml(join(root, 'k8s/components/keda/scaled-objects.yaml'))
    .flatMap(({ document }) => document.spec.triggers ?? [])
    .filter(({ type }) => type === 'rabbitmq')
  assert.ok(scaled.length > 0)
  for (const { metadata } of scaled) assert.ok(queues.includes(metadata.queueName), metadata.queueName)
})
