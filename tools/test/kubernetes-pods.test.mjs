// The pods of k8s/, held to rules that need no cluster.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { defaultDeadlines } from '@parley/kit'
import { overlay } from '../lib/kubernetes/names.mjs'
import { findProgram } from '../lib/kubernetes/programs.mjs'
import { render } from '../lib/kubernetes/render.mjs'
import { secretManifests } from '../lib/kubernetes/secrets.mjs'
import { readRunFile } from '../lib/run-file.mjs'
import { containers } from './compose-project.mjs'

const kubectl = findProgram('kubectl')
const skip = kubectl === undefined && 'kubectl is not installed'
const apps = readRunFile()
const overlays = ['kind', 'production']

/** @param {string} name */
function manifestsOf(name) {
  const all = render(kubectl ?? '', overlay(name))
  const one = (/** @type {string} */ kind, /** @type {string} */ named) =>
    all.find((each) => each.kind === kind && each.metadata.name === named)
  return { all, one, of: (/** @type {string} */ kind) => all.filter((each) => each.kind === kind) }
}

for (const name of overlays)
  describe(`the pods of ${name}`, { skip }, () => {
    const { all, one, of } = skip ? { all: [], one: () => undefined, of: () => [] } : manifestsOf(name)

    test('there is one Deployment per service, and whatever else has pods is a server of kind', () => {
      const named = (/** @type {string} */ kind) => of(kind).map(({ metadata }) => metadata.name)
      assert.deepEqual(named('Deployment').sort(), apps.map(({ id }) => id).sort())
      const servers = ['mongodb', 'postgres', 'rabbitmq', 'redis']
      assert.deepEqual(named('StatefulSet').sort(), name === 'kind' ? servers : [])
      for (const server of named('StatefulSet'))
        assert.equal(
          one('StatefulSet', server).spec.template.spec.containers[0].image,
          containers[server].image,
        )
    })

    test('none is root, writes to its image, has a capability or a token of the API server', () => {
      for (const { metadata, spec } of [...of('Deployment'), ...of('StatefulSet')]) {
        const pod = spec.template.spec
        assert.equal(pod.automountServiceAccountToken, false, metadata.name)
        assert.equal(pod.securityContext.runAsNonRoot, true)
        assert.ok(pod.securityContext.runAsUser > 0)
        assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' })
        for (const container of pod.containers) {
          assert.match(container.image, /:v?\d+\.\d+(\.\d+)?(-\w+)?$/, 'pinned')
          assert.deepEqual(container.securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          })
          assert.ok(container.resources.limits.memory, metadata.name)
          assert.ok(container.readinessProbe, metadata.name)
          // Of the service's volumes, the sidecar's token is none.
          assert.equal(
            container.volumeMounts.some((/** @type {any} */ one) => one.name === 'sidecar-token'),
            false,
          )
        }
      }
      for (const account of of('ServiceAccount')) assert.equal(account.automountServiceAccountToken, false)
      assert.equal(
        one('Namespace', 'parley').metadata.labels['pod-security.kubernetes.io/enforce'],
        'restricted',
      )
    })

    for (const app of apps)
      test(`${app.id} runs what it runs elsewhere, beside its sidecar`, () => {
        const { spec } = one('Deployment', app.id)
        const pod = spec.template.spec
        const [service] = pod.containers
        const elsewhere = containers[`${app.id}-app`]
        assert.deepEqual(service.args, elsewhere.command)
        assert.match(`/${service.image}`, new RegExp(`/${elsewhere.image}$`))
        const env = Object.fromEntries(service.env.map((/** @type {any} */ { name, value }) => [name, value]))
        assert.equal(env.APP_PORT, elsewhere.environment.APP_PORT)
        assert.equal(env.NODE_ENV, 'production')
        const annotations = spec.template.metadata.annotations
        assert.equal(annotations['dapr.io/app-id'], app.id)
        assert.equal(annotations['dapr.io/config'], app.id)
        assert.equal(annotations['dapr.io/app-port'], app.appPort && String(app.appPort))
        assert.equal(annotations['dapr.io/enable-native-sidecar'], 'true')
        assert.equal(annotations['dapr.io/enable-app-health-check'], undefined, 'see dapr.yaml')
        assert.equal(service.startupProbe.httpGet.path, '/healthz')
        assert.equal(service.livenessProbe.httpGet.path, '/healthz')
        assert.equal(service.readinessProbe.httpGet.path, app.appPort ? '/readyz' : '/healthz')
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
          assert.equal(service[probe].httpGet.scheme, env.GATEWAY_TLS_CERT ? 'HTTPS' : undefined)
        const startup = service.startupProbe.periodSeconds * service.startupProbe.failureThreshold
        assert.ok(startup * 1000 > defaultDeadlines.readyMs)
      })

    test('there is time to drain before the kernel ends it', () => {
      const { drainMs, serverMs, closeMs } = defaultDeadlines
      for (const { metadata, spec } of of('Deployment')) {
        const { terminationGracePeriodSeconds, containers: own } = spec.template.spec
        const before = own[0].lifecycle.preStop.sleep.seconds
        const sidecar = Number(spec.template.metadata.annotations['dapr.io/graceful-shutdown-seconds'])
        const needed = before + (drainMs + serverMs + closeMs) / 1000 + sidecar
        assert.ok(terminationGracePeriodSeconds >= needed, `${metadata.name} needs ${needed} s`)
        assert.deepEqual(spec.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 })
      }
    })

    test('each service may lose one pod at a time, spreads, and in production scales', () => {
      for (const { id } of apps) {
        const labels = { 'app.kubernetes.io/name': id }
        const budget = one('PodDisruptionBudget', id).spec
        assert.equal(budget.maxUnavailable, 1)
        const { template, selector } = one('Deployment', id).spec
        assert.deepEqual([budget.selector.matchLabels, selector.matchLabels], [labels, labels])
        for (const spread of template.spec.topologySpreadConstraints)
          assert.deepEqual(spread.labelSelector.matchLabels, labels)
        const scaler = one('HorizontalPodAutoscaler', id)
        assert.equal(scaler?.spec.scaleTargetRef.name, name === 'kind' ? undefined : id)
        if (scaler) assert.ok(scaler.spec.minReplicas >= 2)
      }
    })

    test('every Secret that is named is one that is made, and none stands in a manifest', () => {
      assert.deepEqual(of('Secret'), [])
      const made = secretManifests(
        new Proxy({}, { get: (_, key) => (String(key).endsWith('-url') ? undefined : 'x') }),
      )
      const names = new Set(made.map(({ metadata }) => metadata.name))
      // What cert-manager writes.
      if (name === 'production') names.add('gateway-tls')
      for (const { metadata, spec } of [...of('Deployment'), ...of('StatefulSet'), ...of('Component')])
        for (const wanted of secretsIn(spec)) assert.ok(names.has(wanted), `${metadata.name}: ${wanted}`)
      assert.ok(all.length > 60)
    })

    test('every pod that a Service means is there', () => {
      const labels = [...of('Deployment'), ...of('StatefulSet')].map(
        ({ spec }) => spec.template.metadata.labels,
      )
      for (const { metadata, spec } of of('Service')) {
        const pods = [...of('Deployment'), ...of('StatefulSet')].filter(({ spec: { template } }) =>
          Object.entries(spec.selector).every(([key, value]) => template.metadata.labels[key] === value),
        )
        assert.equal(pods.length, 1, metadata.name)
        const ports = pods[0].spec.template.spec.containers[0].ports.map((/** @type {any} */ one) => one.name)
        for (const { targetPort } of spec.ports) assert.ok(ports.includes(targetPort), metadata.name)
      }
      assert.ok(labels.every((one) => one['app.kubernetes.io/part-of'] === 'parley'))
    })
  })

/**
 * @param {any} value
 * @returns {string[]} names of Secrets, wherever in a manifest
 */
function secretsIn(value) {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'secretKeyRef') return [inner.name]
    if (key === 'secretName' || /^dapr\.io\/(api|app)-token-secret$/.test(key)) return [inner]
    return secretsIn(inner)
  })
}

test('a server of your own, and one of another kind, become Secrets', () => {
  const made = secretManifests({ 'redis-url': 'redis://:own@cache:6379', 'kafka-brokers': 'k:9092' })
  const secretOf = (/** @type {string} */ name) =>
    made.find(({ metadata }) => metadata.name === name)?.stringData[name]
  assert.deepEqual(['redis-url', 'redis-host', 'redis-auth', 'kafka-brokers', 'mongodb-url'].map(secretOf), [
    'redis://:own@cache:6379',
    'cache:6379',
    'own',
    'k:9092',
    undefined,
  ])
})

test('git passes over the passwords', () => {
  assert.equal(spawnSync('git', ['check-ignore', '-q', '.data/kubernetes/choices.json']).status, 0)
})
