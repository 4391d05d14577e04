// Parley from its Kubernetes manifests: a real API server and Dapr's real control plane, the overlay `kind`, and on this
// machine what each Deployment's pod would run, on real servers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPushService } from '../../../tests/dist/people/push-service.js'
import { provideDapr } from '../../dapr.mjs'
import { readChoices } from '../../lib/deployment-secrets.mjs'
import { startServers } from '../../lib/infrastructure.mjs'
import { ports, startCluster } from '../../lib/kubernetes/api-server.mjs'
import { startDaprSystem } from '../../lib/kubernetes/dapr-system.mjs'
import { startPod } from '../../lib/kubernetes/host-pods.mjs'
import { apply, podOf } from '../../lib/kubernetes/kubectl.mjs'
import { overlay } from '../../lib/kubernetes/names.mjs'
import { provideProgram } from '../../lib/kubernetes/programs.mjs'
import { render } from '../../lib/kubernetes/render.mjs'
import { secretManifests } from '../../lib/kubernetes/secrets.mjs'
import { listProcesses, signal } from '../../lib/processes.mjs'
import { profiles, readResources, resourcePaths } from '../../lib/profiles.mjs'
import { choosePortOffset } from '../../lib/run-file.mjs'

export const apps = ['auth', 'messages', 'presence', 'notifications', 'realtime', 'gateway']

/** @param {(close: () => Promise<void>) => void} onClose what is to be closed, last first, also where the start fails */
export async function startOnKubernetes(onClose) {
  const directory = mkdtempSync(join(tmpdir(), 'parley-kubernetes-'))
  endTogether(directory)
  const all = readResources(resourcePaths(/** @type {any} */ (profiles.reference)))
  const starting = /** @type {const} */ ([
    startServers({ all, dataDir: join(directory, 'data'), portOffset: await choosePortOffset('auto') }),
    startCluster(join(directory, 'cluster')),
  ])
  await settled(/** @type {readonly Promise<{ stop: () => Promise<void> }>[]} */ (starting), onClose)
  const [servers, cluster] = await Promise.all(starting)
  const dapr = await startDaprSystem(cluster)
  onClose(dapr.stop)
  await apply(cluster, render(await provideProgram('kubectl'), overlay('kind')))
  // Servers of one's own, as docs/kubernetes.md tells.
  const addresses = Object.entries(servers.secrets).filter(([name]) =>
    /^(postgres|redis|rabbitmq|mongodb)-url$/.test(name),
  )
  await apply(
    cluster,
    secretManifests({ ...readChoices(join(directory, 'choices')), ...Object.fromEntries(addresses) }),
  )
  const push = await startPushService()
  onClose(() => push.close())
  const pods = await startPods({ cluster, dapr, daprd: (await provideDapr()).daprd }, push.caFile, onClose)
  return { directory, cluster, pods, push, url: `http://${pods.gateway?.address}:${pods.gateway?.port}` }
}

/**
 * Servers are in groups of their own, and so outlive a test that is told to end.
 * @param {string} directory
 */
function endTogether(directory) {
  process.on('exit', () => {
    for (const { pid, parent, group } of listProcesses())
      if (parent === process.pid && group === pid) signal(-pid, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => process.exit(1))
}

/**
 * @param {Omit<import('../../lib/kubernetes/host-pods.mjs').Machine, 'hosts'>} machine
 * @param {string} pushAuthority
 * @param {(close: () => Promise<void>) => void} onClose
 */
async function startPods(machine, pushAuthority, onClose) {
  // Others on this machine may run the same.
  const block = `127.${64 + (process.pid % 128)}.${1 + (Math.floor(process.pid / 128) % 250)}`
  const own = await ports(apps.length)
  const places = new Map(apps.map((app, i) => [app, { address: `${block}.${i + 1}`, port: own[i] ?? 0 }]))
  const hosts = Object.fromEntries([
    ...[...places].map(([app, { address }]) => [`${app}-dapr.parley.svc.cluster.local`, address]),
    ['realtime', places.get('realtime')?.address],
  ])
  /** @type {Record<string, Record<string, string>>} */
  const changed = {
    gateway: { REALTIME_PORT: `${places.get('realtime')?.port}` },
    // A push service on loopback is one that production refuses.
    notifications: { NODE_ENV: '', PARLEY_PUSH_ALLOW_LOOPBACK: 'true', NODE_EXTRA_CA_CERTS: pushAuthority },
  }
  const started = await settled(
    [...places].map(async ([app, place]) => {
      const pod = await podOf(machine.cluster, 'parley', `app.kubernetes.io/name=${app}`)
      return startPod({ ...machine, hosts }, pod, place, changed[app])
    }),
    onClose,
  )
  return Object.fromEntries(apps.map((app, i) => [app, started[i]]))
}

/**
 * Settled, not raced: one that fails must not leave another behind.
 * @template {{ stop: () => Promise<void> }} T
 * @param {readonly Promise<T>[]} promises
 * @param {(close: () => Promise<void>) => void} onClose
 * @returns {Promise<T[]>}
 */
async function settled(promises, onClose) {
  const results = await Promise.allSettled(promises)
  const values = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  onClose(async () => void (await Promise.all(values.map((one) => one.stop()))))
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return values
}
