// What the API server, and Dapr's webhooks behind it, say to the manifests.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { provideKedaDefinitions } from '../../lib/kubernetes/dapr-chart.mjs'
import { overlay } from '../../lib/kubernetes/names.mjs'
import { provideProgram } from '../../lib/kubernetes/programs.mjs'
import { render } from '../../lib/kubernetes/render.mjs'
import { root } from '../../lib/root.mjs'

const dryRun = [
  'apply',
  '--server-side',
  '--force-conflicts',
  '--dry-run=server',
  '--validate=strict',
  '-f',
  '-',
]

/**
 * @param {import('../../lib/kubernetes/api-server.mjs').Cluster} cluster
 * @param {readonly object[]} manifests
 */
async function demandTaken(cluster, manifests) {
  const { code, output } = await cluster.kubectl(dryRun, manifests)
  assert.equal(code, 0, output)
  const taken = output.split('\n').filter((line) => line.includes('(server dry run)'))
  assert.equal(taken.length, manifests.length)
}

/** @param {import('./world.mjs').World} world */
export function manifests(world) {
  describe('the API server', () => {
    for (const name of ['kind', 'production'])
      test(`takes every manifest of ${name}, strictly`, async () => {
        const manifests = render(await provideProgram('kubectl'), overlay(name))
        await demandTaken(world.system().cluster, manifests)
      })

    test('takes KEDA instead of autoscalers, by its own definitions', async () => {
      const { cluster, directory } = world.system()
      const definitions = await provideKedaDefinitions()
      const { code, output } = await cluster.kubectl(['apply', '--server-side', '-f', definitions])
      assert.equal(code, 0, output)
      const own = join(directory, 'with-keda')
      mkdirSync(own)
      const path = (/** @type {string} */ part) => relative(own, join(root, 'k8s', part))
      const kustomization = {
        namespace: 'parley',
        resources: [path('overlays/production')],
        components: [path('components/keda')],
      }
      writeFileSync(join(own, 'kustomization.yaml'), JSON.stringify(kustomization))
      const manifests = render(await provideProgram('kubectl'), own)
      const count = (/** @type {string} */ kind) => manifests.filter((one) => one.kind === kind).length
      assert.deepEqual([count('ScaledObject'), count('HorizontalPodAutoscaler')], [4, 2])
      await demandTaken(cluster, manifests)
    })

    test('would not take a field that it does not know, nor a pod that wants more than it needs', async () => {
      const manifests = render(await provideProgram('kubectl'), overlay('kind'))
      const find = (/** @type {string} */ kind, /** @type {string} */ name) =>
        structuredClone(manifests.find((one) => one.kind === kind && one.metadata.name === name))
      const component = find('Component', 'pubsub')
      component.spec.metdata = []
      const deployment = find('Deployment', 'auth')
      deployment.spec.template.spec.containers[0].imagee = 'x'
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'root', namespace: 'parley' },
        spec: { containers: [{ name: 'a', image: 'a' }] },
      }
      const refused = async (/** @type {object} */ manifest) => {
        const { code, output } = await world.system().cluster.kubectl(dryRun, [manifest])
        assert.notEqual(code, 0, output)
        return output
      }
      assert.match(await refused(component), /unknown field "(spec\.)?metdata"/)
      assert.match(await refused(deployment), /unknown field ".*imagee"/)
      assert.match(await refused(pod), /violates PodSecurity "restricted/)
    })
  })
}
