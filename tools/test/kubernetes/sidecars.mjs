// What Dapr's injector and operator made of the annotations.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { apps } from './system.mjs'

/** @param {import('./world.mjs').World} world */
export function sidecars(world) {
  describe('the injected sidecar', () => {
    for (const app of apps)
      test(`of ${app}`, () => {
        const { pod } = world.podOf(app)
        const [daprd, ...others] = pod.spec.initContainers
        assert.deepEqual([daprd.name, daprd.restartPolicy, others.length], ['daprd', 'Always', 0])
        const flag = (/** @type {string} */ name) => daprd.args[daprd.args.indexOf(name) + 1]
        assert.equal(flag('--app-id'), app)
        assert.equal(flag('--config'), app)
        assert.equal(flag('--mode'), 'kubernetes')
        assert.equal(flag('--dapr-graceful-shutdown-seconds'), '5')
        assert.equal(flag('--scheduler-host-address'), '')
        assert.equal(flag('--dapr-listen-addresses'), '[::1],127.0.0.1')
        for (const name of ['--enable-mtls', '--log-as-json', '--disable-builtin-k8s-secret-store'])
          assert.ok(daprd.args.includes(name), name)
        for (const name of ['--placement-host-address', '--actors-service', '--enable-app-health-check'])
          assert.equal(daprd.args.includes(name), false, name)
        assert.deepEqual(daprd.resources, {
          limits: { memory: '256Mi' },
          requests: { cpu: '100m', memory: '128Mi' },
        })
        assert.deepEqual(daprd.securityContext, {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        })
        const env = new Map(daprd.env.map((/** @type {any} */ one) => [one.name, one]))
        assert.equal(env.get('GOMEMLIMIT').value, '220MiB')
        assert.equal(env.get('DAPR_API_TOKEN').valueFrom.secretKeyRef.name, `${app}-dapr-api-token`)
        assert.equal(
          env.get('APP_API_TOKEN')?.valueFrom.secretKeyRef.name,
          app === 'gateway' ? undefined : `${app}-app-api-token`,
        )
        const mounts = daprd.volumeMounts.map((/** @type {any} */ { mountPath }) => mountPath).sort()
        assert.deepEqual(mounts, [
          '/var/run/secrets/dapr.io/sentrytoken',
          '/var/run/secrets/kubernetes.io/serviceaccount',
        ])
        const [service] = pod.spec.containers
        assert.deepEqual(
          service.volumeMounts.map((/** @type {any} */ { mountPath }) => mountPath),
          ['/tmp'],
        )
        assert.equal(
          service.env.find((/** @type {any} */ { name }) => name === 'DAPR_HTTP_PORT').value,
          flag('--dapr-http-port'),
        )
      })

    test('is found by others under the name that the operator gave it', async () => {
      for (const app of apps) {
        const { body } = await world
          .system()
          .cluster.call('GET', `/api/v1/namespaces/parley/services/${app}-dapr`)
        assert.equal(body.spec.clusterIP, 'None', app)
        assert.ok(
          body.spec.ports.some((/** @type {any} */ { port }) => port === 50002),
          app,
        )
      }
    })
  })
}
