// Dapr's sentry, operator and injector as processes of this machine, with the objects of Dapr's own chart.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServerProcess } from '../server-process.mjs'
import { isOpen, ports } from './api-server.mjs'
import { renderDaprChart } from './dapr-chart.mjs'
import { apply, eventually, must, podOf } from './kubectl.mjs'
import { inPodSpace } from './pod-space.mjs'
import { provideProgram } from './programs.mjs'

const namespace = 'dapr-system'

/**
 * @typedef {object} DaprSystem
 * @property {number} sentryPort
 * @property {number} operatorPort
 * @property {() => Promise<void>} stop
 *
 * @typedef {{ sentry: number, operator: number, webhooks: number, injector: number }} Ports
 */

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @returns {Promise<DaprSystem>}
 */
export async function startDaprSystem(cluster) {
  const [sentry = 0, operator = 0, webhooks = 0, injector = 0] = await ports(4)
  const injectorEnv = await applyChart(cluster, { sentry, operator, webhooks, injector })
  const issuer = join(cluster.directory, 'issuer')
  mkdirSync(issuer)
  /** @type {import('../server-process.mjs').ServerProcess[]} */
  const started = []
  const stop = async () => {
    // The operator does not end on SIGTERM within 10 s.
    for (const server of started.reverse()) await server.stop(AbortSignal.timeout(2_000))
  }
  try {
    const sentryFlags = ['--mode', 'kubernetes', '--trust-domain', 'cluster.local']
    const args = [...sentryFlags, '--port', `${sentry}`, '--issuer-credentials', issuer]
    started.push(await startService(cluster, 'sentry', { port: sentry, args }))
    const anchors = join(cluster.directory, 'dapr-ca.crt')
    writeFileSync(anchors, await trustAnchors(cluster))
    started.push(
      await startService(cluster, 'operator', {
        port: webhooks,
        args: [
          ...['--port', `${operator}`, '--webhook-server-port', `${webhooks}`],
          ...['--trust-anchors-file', anchors, '--disable-leader-election'],
        ],
      }),
      await startService(cluster, 'injector', {
        port: injector,
        args: ['--port', `${injector}`, '--scheduler-enabled=false'],
        env: {
          ...injectorEnv,
          DAPR_TRUST_ANCHORS_FILE: anchors,
          DAPR_SENTRY_ADDRESS: `127.0.0.1:${sentry}`,
        },
      }),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { sentryPort: sentry, operatorPort: operator, stop }
}

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {string} name
 * @param {{ port: number, args: readonly string[], env?: Record<string, string> }} options
 */
async function startService(cluster, name, { port, args, env }) {
  const { kubeconfig, sentryToken } = await identify(cluster, name)
  const inside = inPodSpace({
    directory: join(cluster.directory, `dapr-${name}`),
    // The injector gives a sidecar such a token only where it has one itself.
    run: { 'secrets/dapr.io/sentrytoken/token': sentryToken },
    command: await provideProgram('dapr-control-plane'),
    args: [name, '--kubeconfig', kubeconfig, ...args, ...(await quietPorts())],
  })
  return startServerProcess({
    ...{ name: `Dapr's ${name}`, ...inside, logFile: join(cluster.directory, 'logs', `dapr-${name}.log`) },
    env: { NAMESPACE: namespace, DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK: 'true', ...env },
    isReady: () => isOpen(port),
    readyWithinMs: 120_000,
    stopSignal: 'SIGTERM',
  })
}

/** Their health and metrics, for which nobody asks here. */
async function quietPorts() {
  const [health, metrics] = await ports(2)
  return ['--healthz-port', `${health}`, '--metrics-port', `${metrics}`]
}

/**
 * The chart, with what is changed that only a cluster can provide: addresses.
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {Ports} place
 * @returns {Promise<Record<string, string>>} the environment of the injector's container, as the chart has it
 */
async function applyChart(cluster, place) {
  const manifests = (await renderDaprChart(await provideProgram('helm'))).map((one) =>
    onThisMachine(one, place),
  )
  const isDefinition = (/** @type {any} */ { kind }) => kind === 'CustomResourceDefinition'
  const definitions = manifests.filter(isDefinition)
  const rest = manifests.filter((one) => !isDefinition(one))
  await apply(cluster, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    ...definitions,
  ])
  await must(cluster, [
    ...['wait', '--for=condition=Established', '--timeout=60s'],
    ...definitions.map(({ metadata }) => `crd/${metadata.name}`),
  ])
  await apply(cluster, rest)
  return environmentOfInjector(rest)
}

/** @param {readonly any[]} manifests */
function environmentOfInjector(manifests) {
  const { spec } = manifests.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'dapr-sidecar-injector',
  )
  /** @type {{ name: string, value?: string }[]} */
  const env = spec.template.spec.containers[0].env
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])))
}

/**
 * @param {any} manifest
 * @param {Ports} place
 */
function onThisMachine(manifest, { sentry, webhooks, injector }) {
  const { kind, metadata } = manifest
  if (kind === 'Service' && ['dapr-webhook', 'dapr-sidecar-injector'].includes(metadata.name))
    return { ...manifest, spec: { type: 'ExternalName', externalName: 'localhost' } }
  if (kind === 'MutatingWebhookConfiguration')
    for (const webhook of manifest.webhooks) webhook.clientConfig.service.port = injector
  if (kind === 'CustomResourceDefinition' && metadata.name === 'subscriptions.dapr.io')
    Object.assign(manifest.spec.conversion.webhook.clientConfig.service, { namespace, port: webhooks })
  if (kind === 'Configuration' && metadata.name === 'daprsystem')
    manifest.spec.mtls.sentryAddress = `127.0.0.1:${sentry}`
  return manifest
}

/** @typedef {{ kubeconfig: string, sentryToken: string }} Identity */

/**
 * That of the pod which the chart's Deployment made: sentry looks it up.
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {string} service
 * @returns {Promise<Identity>}
 */
async function identify(cluster, service) {
  const app = service === 'injector' ? 'dapr-sidecar-injector' : `dapr-${service}`
  const pod = await podOf(cluster, namespace, `app=${app}`)
  const account = pod.spec.serviceAccountName
  const audience = `spiffe://cluster.local/ns/${namespace}/dapr-sentry`
  const token = (/** @type {string} */ audience = '') =>
    cluster.token(namespace, account, pod.metadata.name, audience)
  return {
    kubeconfig: cluster.kubeconfigOf(`dapr-${service}`, await token()),
    sentryToken: await token(audience),
  }
}

/** @param {import('./api-server.mjs').Cluster} cluster */
async function trustAnchors(cluster) {
  const { body } = await eventually(
    () => cluster.call('GET', `/api/v1/namespaces/${namespace}/configmaps/dapr-trust-bundle`),
    ({ body }) => body.data?.['ca.crt'] !== undefined,
    "sentry's trust bundle",
  )
  return body.data['ca.crt']
}
