// Who may reach whom in k8s/: what the policies say, as there is no network here that would enforce them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serviceIds } from '@parley/contracts'
import { overlay } from '../lib/kubernetes/names.mjs'
import { findProgram } from '../lib/kubernetes/programs.mjs'
import { render } from '../lib/kubernetes/render.mjs'

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
        .flatMap((rule) => rule.ports.map((/** @type {any} */ { port }) => port))
      assert.deepEqual(ports, [50002, 9090])
      for (const rule of ingress)
        for (const { port } of rule.ports) assert.ok(![3500, 3501, 50001].includes(port))
    })

    test('metrics are for the namespace that watches, at the port where services serve them', () => {
      const [metrics] = ingress.filter((rule) => rule.name === 'metrics')
      assert.deepEqual(metrics.from, [
        { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
      ])
      const served = all.flatMap(({ spec }) => {
        const app = spec?.template?.metadata.annotations?.['dapr.io/app-id']
        const env = spec?.template?.spec.containers[0].env ?? []
        const port = env.find((/** @type {any} */ { name }) => name === 'METRICS_PORT')
        return app && port ? [{ app, port: Number(port.value) }] : []
      })
      assert.deepEqual(served.map(({ app }) => app).sort(), [...serviceIds].sort())
      for (const { port } of served) assert.equal(port, metrics.ports[0].port)
      const [policy] = policies.filter(({ metadata }) => metadata.name === 'metrics')
      assert.deepEqual(
        meant(policy.spec.podSelector)
          .map(({ name }) => name)
          .sort(),
        served.map(({ app }) => app).sort(),
      )
    })

    /** @type {{ name: string, labels: any, ports: string[] }[]} */
    const pods = all
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .map(({ metadata, spec: { template } }) => {
        const app = template.metadata.annotations?.['dapr.io/app-id']
        // The injector sets the label.
        const labels = { ...template.metadata.labels, ...(app ? { 'dapr.io/app-id': app } : {}) }
        const ports = template.spec.containers[0].ports.map((/** @type {any} */ one) => one.name)
        return { name: metadata.name, labels, ports }
      })
    const meant = (/** @type {any} */ selector) => pods.filter(({ labels }) => selects(selector, labels))
    const waysIn = policies.flatMap(({ spec }) =>
      (spec.ingress ?? []).flatMap((/** @type {any} */ rule) =>
        meant(spec.podSelector).flatMap((to) =>
          rule.ports.map((/** @type {any} */ { port }) => ({ to, port, rule })),
        ),
      ),
    )

    test('a port that a policy names is one that its pods have', () => {
      for (const { to, port } of waysIn)
        if (typeof port === 'string') assert.ok(to.ports.includes(port), `${to.name}: ${port}`)
    })

    test('a door that is open at one end is open at the other', () => {
      const leaves = (/** @type {any} */ from, /** @type {any} */ to, /** @type {string | number} */ port) =>
        policies
          .filter(({ spec }) => selects(spec.podSelector, from.labels))
          .flatMap(({ spec }) => spec.egress ?? [])
          .some(
            ({ ports, to: peers }) =>
              ports.some((/** @type {any} */ one) => one.port === port) &&
              peers.some(
                (/** @type {any} */ { podSelector }) => podSelector && selects(podSelector, to.labels),
              ),
          )
      const ways = waysIn.flatMap(({ to, port, rule }) =>
        (rule.from ?? [])
          .flatMap((/** @type {any} */ { podSelector }) => (podSelector ? meant(podSelector) : []))
          .map((/** @type {any} */ from) => ({ from, to, port })),
      )
      assert.ok(ways.length > 30)
      for (const { from, to, port } of ways)
        assert.ok(leaves(from, to, port), `${from.name} → ${to.name}:${port}`)
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
