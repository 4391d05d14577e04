// What the API server, and Dapr's webhooks behind it, say to the manifests.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { provideProgram } from '../../lib/kubernetes/programs.mjs'
import { overlay, render } from '../../lib/kubernetes/render.mjs'

const dryRun = [
  'apply',
  '--server-side',
  '--force-conflicts',
  '--dry-run=server',
  '--validate=strict',
  '-f',
  '-',
]

/** @param {import('./world.mjs').World} world */
export function manifests(world) {
  describe('the API server', () => {
    for (const name of ['kind', 'production'])
      test(`takes every manifest of ${name}, strictly`, async () => {
        const manifests = render(await provideProgram('kubectl'), overlay(name))
        const { code, output } = await world.system().cluster.kubectl(dryRun, manifests)
        assert.equal(code, 0, output)
        assert.equal(
          output
            .trim()
            .split('\n')
            .filter((line) => line.includes('(server dry run)')).length,
          manifests.length,
        )
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
