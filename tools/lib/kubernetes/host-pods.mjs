// Runs on this machine what a pod of the cluster would run: the sidecar and the service, from the very arguments, environment
// and tokens that stand in the pod. What differs is what only a cluster can provide, and stands in `changed`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../root.mjs'
import { startServerProcess } from '../server-process.mjs'
import { ports } from './api-server.mjs'
import { inPodSpace } from './pod-space.mjs'

/**
 * @typedef {object} Machine
 * @property {import('./api-server.mjs').Cluster} cluster
 * @property {import('./dapr-system.mjs').DaprSystem} dapr
 * @property {string} daprd
 * @property {Readonly<Record<string, string>>} hosts names that Services have, and addresses of pods
 *
 * @typedef {object} HostPod
 * @property {any} pod
 * @property {string} address
 * @property {number} port
 * @property {number} sidecarPort of the API, on loopback
 * @property {Record<string, string>} tokens what is mounted into the sidecar, by mount path
 * @property {Record<string, string>} env of the service
 * @property {string} sidecarLog
 * @property {string} serviceLog
 * @property {() => Promise<void>} stop
 */

/**
 * @param {Machine} machine
 * @param {any} pod
 * @param {{ address: string, port: number }} place a loopback address for itself, and the port of its service there
 * @param {Readonly<Record<string, string>>} [more] environment of the service
 * @returns {Promise<HostPod>}
 */
export async function startPod(machine, pod, { address, port }, more = {}) {
  const { cluster, hosts } = machine
  const app = pod.metadata.labels['app.kubernetes.io/name']
  const directory = join(cluster.directory, 'pods', app)
  const [sidecar] = pod.spec.initContainers
  const [service] = pod.spec.containers
  const [http = 0, grpc = 0, open = 0, metrics = 0] = await ports(4)
  const tokens = await mounted(cluster, pod, sidecar)
  const changed = {
    '--control-plane-address': `127.0.0.1:${machine.dapr.operatorPort}`,
    '--sentry-address': `127.0.0.1:${machine.dapr.sentryPort}`,
    // The service looks for it on loopback, which here all pods share; and others listen at all addresses. One port stays,
    // that of a sidecar for other sidecars.
    '--dapr-http-port': `${http}`,
    '--dapr-grpc-port': `${grpc}`,
    '--dapr-public-port': `${open}`,
    '--metrics-port': `${metrics}`,
    ...(sidecar.args.includes('--app-port') ? { '--app-port': `${port}` } : {}),
    '--dapr-listen-addresses': '127.0.0.1',
    '--dapr-internal-grpc-listen-address': address,
    '--dapr-public-listen-address': address,
    '--metrics-listen-address': address,
    '--app-channel-address': address,
  }
  const sidecarLog = join(cluster.directory, 'logs', `${app}-daprd.log`)
  const serviceLog = join(cluster.directory, 'logs', `${app}.log`)
  const own = inPodSpace({
    directory: join(directory, 'sidecar'),
    hosts,
    run: Object.fromEntries(
      Object.entries(tokens).map(([path, text]) => [path.replace('/var/run/', ''), text]),
    ),
    command: machine.daprd,
    args: withFlags(sidecar.args.slice(1), changed),
  })
  const daprd = await startServerProcess({
    ...{ name: `the sidecar of ${app}`, ...own, logFile: sidecarLog },
    env: {
      ...(await environmentOf(cluster, pod, sidecar)),
      // Who makes a mount namespace is root in it.
      DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK: 'true',
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: `${cluster.port}`,
      HOME: directory,
    },
    isReady: () => answers(`http://127.0.0.1:${http}/v1.0/healthz/outbound`),
    readyWithinMs: 120_000,
    stopSignal: 'SIGTERM',
  })
  const env = {
    ...(await environmentOf(cluster, pod, service)),
    DAPR_HTTP_PORT: `${http}`,
    APP_PORT: `${port}`,
    PARLEY_BIND: address,
    PARLEY_METRICS_BIND: address,
    GATEWAY_BIND: address,
    GATEWAY_PORT: `${port}`,
    GATEWAY_RUN_DIR: join(directory, 'gateway'),
    ...more,
  }
  try {
    const process = await startServerProcess({
      ...{ name: app, logFile: serviceLog, env, cwd: root },
      ...inPodSpace({ directory: join(directory, 'service'), hosts, ...program(service.args) }),
      // As kubelet asks.
      isReady: () => answers(`http://${address}:${port}${service.readinessProbe.httpGet.path}`),
      readyWithinMs: 120_000,
      stopSignal: 'SIGTERM',
      stopWithinMs: pod.spec.terminationGracePeriodSeconds * 1000,
    })
    const stop = async () => {
      await process.stop()
      await daprd.stop()
    }
    return { ...{ pod, address, port, sidecarPort: http, tokens, env }, ...{ sidecarLog, serviceLog, stop } }
  } catch (error) {
    await daprd.stop()
    throw error
  }
}

const program = (/** @type {string[]} */ [, ...args]) => ({ command: process.execPath, args })

const answers = (/** @type {string} */ url) =>
  fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  )

/**
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} changed
 */
function withFlags(args, changed) {
  const kept = args.filter((arg, i) => !(arg in changed) && !((args[i - 1] ?? '') in changed))
  return [...kept, ...Object.entries(changed).flat()]
}

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {any} pod
 * @param {any} container
 * @returns {Promise<Record<string, string>>} as kubelet works it out
 */
async function environmentOf(cluster, pod, container) {
  const { namespace } = pod.metadata
  const entries = container.env.map(async (/** @type {any} */ { name, value = '', valueFrom }) => {
    if (valueFrom?.fieldRef) return [name, fieldOf(pod, valueFrom.fieldRef.fieldPath)]
    if (!valueFrom?.secretKeyRef) return [name, value]
    const { name: secret, key } = valueFrom.secretKeyRef
    const { body } = await cluster.call('GET', `/api/v1/namespaces/${namespace}/secrets/${secret}`)
    return [name, Buffer.from(body.data[key], 'base64').toString()]
  })
  return Object.fromEntries(await Promise.all(entries))
}

const fieldOf = (/** @type {any} */ pod, /** @type {string} */ path) =>
  path.split('.').reduce((value, key) => value[key], pod)

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {any} pod
 * @param {any} container
 * @returns {Promise<Record<string, string>>} files of the projected volumes that the container mounts
 */
async function mounted(cluster, pod, container) {
  /** @type {Record<string, string>} */
  const files = {}
  const { name, namespace } = pod.metadata
  for (const { name: volume, mountPath } of container.volumeMounts) {
    const { projected } = pod.spec.volumes.find((/** @type {any} */ one) => one.name === volume)
    for (const { serviceAccountToken, configMap, downwardAPI } of projected.sources) {
      if (serviceAccountToken) {
        const { path, audience } = serviceAccountToken
        const token = await cluster.token(namespace, pod.spec.serviceAccountName, name, audience)
        files[join(mountPath, path)] = token
      }
      for (const { path } of configMap?.items ?? [])
        files[join(mountPath, path)] = readFileSync(join(cluster.directory, 'server.crt'), 'utf8')
      for (const { path, fieldRef } of downwardAPI?.items ?? [])
        files[join(mountPath, path)] = fieldOf(pod, fieldRef.fieldPath)
    }
  }
  return files
}
