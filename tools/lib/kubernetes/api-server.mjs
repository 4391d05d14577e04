// etcd, kube-apiserver and kube-controller-manager as processes of this machine: all of Kubernetes but what runs containers.
// Pods are made and admitted, and wait for ever.
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../ports.mjs'
import { startServerProcess } from '../server-process.mjs'
import { run } from '../terminal.mjs'
import { apiServerArguments, controllerArguments, etcdArguments } from './cluster-arguments.mjs'
import { caller, writeKeys, writeKubeconfig } from './cluster-files.mjs'
import { provideProgram } from './programs.mjs'

/**
 * @typedef {object} Cluster
 * @property {string} directory
 * @property {number} port of the API server, on loopback
 * @property {string} ca
 * @property {string} kubeconfig that of an administrator
 * @property {(method: string, path: string, options?: { body?: unknown, token?: string }) => Promise<{ status: number, body: any }>} call
 * @property {(args: readonly string[], manifests?: readonly object[]) => Promise<{ code: number | null, output: string }>} kubectl
 * @property {(namespace: string, account: string, pod: string, audience?: string) => Promise<string>} token as kubelet mounts it
 * @property {(name: string, token: string) => string} kubeconfigOf
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} directory
 * @returns {Promise<Cluster>}
 */
export async function startCluster(directory) {
  const program = await provideProgram('cluster')
  const kubectlPath = await provideProgram('kubectl')
  const [etcd = 0, peers = 0, port = 0, controllers = 0] = await ports(4)
  const keys = await writeKeys(directory)
  const log = (/** @type {string} */ name) => join(directory, 'logs', `${name}.log`)
  const place = { directory, port, ca: keys.ca }
  const call = caller(place, keys.admin)
  const kubeconfig = writeKubeconfig(place, 'admin', keys.admin)
  /** @type {import('../server-process.mjs').ServerProcess[]} */
  const started = []
  const stop = async () => {
    for (const server of started.reverse()) await server.stop()
  }
  const start = async (
    /** @type {string} */ name,
    /** @type {string[]} */ args,
    /** @type {() => Promise<boolean>} */ isReady,
  ) => {
    const own = { name, command: program, args: [name, ...args], logFile: log(name) }
    started.push(await startServerProcess({ ...own, isReady, readyWithinMs: 120_000, stopSignal: 'SIGTERM' }))
  }
  try {
    await start('etcd', etcdArguments(directory, etcd, peers), () => isOpen(etcd))
    await start('kube-apiserver', apiServerArguments(directory, etcd, port), () =>
      call('GET', '/readyz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    await start('kube-controller-manager', controllerArguments(directory, kubeconfig, controllers), () =>
      isOpen(controllers),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...{ ...place, kubeconfig, call, stop },
    kubectl: (args, manifests) =>
      run(kubectlPath, ['--kubeconfig', kubeconfig, ...args], {
        // It writes a cache where it may.
        env: { ...process.env, KUBECACHEDIR: join(directory, 'kubectl') },
        ...(manifests ? { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }) } : {}),
      }),
    async token(namespace, account, pod, audience) {
      const { body, status } = await call(
        'POST',
        `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
        {
          body: {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            spec: {
              ...(audience ? { audiences: [audience] } : {}),
              expirationSeconds: 7200,
              boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod },
            },
          },
        },
      )
      if (status !== 201) throw new Error(`no token for ${account}: ${JSON.stringify(body)}`)
      return body.status.token
    },
    kubeconfigOf: (name, token) => writeKubeconfig(place, name, token),
  }
}

/** @param {number} count */
export const ports = (count) => Promise.all(Array.from({ length: count }, () => freePort()))

/** @param {number} port */
export const isOpen = (port, host = '127.0.0.1') =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
