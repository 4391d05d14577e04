// How the parts of a cluster on this machine are started.
import { join } from 'node:path'

export const etcdArguments = (
  /** @type {string} */ directory,
  /** @type {number} */ port,
  /** @type {number} */ peers,
) => [
  `--data-dir=${join(directory, 'etcd')}`,
  `--listen-client-urls=http://127.0.0.1:${port}`,
  `--advertise-client-urls=http://127.0.0.1:${port}`,
  `--listen-peer-urls=http://127.0.0.1:${peers}`,
  `--initial-advertise-peer-urls=http://127.0.0.1:${peers}`,
  `--initial-cluster=default=http://127.0.0.1:${peers}`,
  '--unsafe-no-fsync',
]

export const apiServerArguments = (
  /** @type {string} */ directory,
  /** @type {number} */ etcd,
  /** @type {number} */ port,
) => [
  `--etcd-servers=http://127.0.0.1:${etcd}`,
  '--bind-address=127.0.0.1',
  '--advertise-address=127.0.0.1',
  `--secure-port=${port}`,
  `--tls-cert-file=${join(directory, 'server.crt')}`,
  `--tls-private-key-file=${join(directory, 'server.key')}`,
  `--token-auth-file=${join(directory, 'tokens.csv')}`,
  '--anonymous-auth=false',
  '--authorization-mode=RBAC',
  '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
  `--service-account-key-file=${join(directory, 'sa.pub')}`,
  `--service-account-signing-key-file=${join(directory, 'sa.key')}`,
  '--service-cluster-ip-range=10.0.0.0/24',
  '--endpoint-reconciler-type=none',
]

/** With an identity for each: Dapr's injector trusts the pods of kube-system:replicaset-controller. */
export const controllerArguments = (
  /** @type {string} */ directory,
  /** @type {string} */ kubeconfig,
  /** @type {number} */ port,
) => [
  `--kubeconfig=${kubeconfig}`,
  `--authentication-kubeconfig=${kubeconfig}`,
  `--authorization-kubeconfig=${kubeconfig}`,
  '--bind-address=127.0.0.1',
  `--secure-port=${port}`,
  `--cert-dir=${join(directory, 'controllers')}`,
  '--leader-elect=false',
  '--use-service-account-credentials=true',
  `--service-account-private-key-file=${join(directory, 'sa.key')}`,
  `--root-ca-file=${join(directory, 'server.crt')}`,
  `--controllers=${[
    'deployment-controller',
    'replicaset-controller',
    'statefulset-controller',
    'serviceaccount-controller',
    'root-ca-certificate-publisher-controller',
    'namespace-controller',
    'garbage-collector-controller',
  ].join()}`,
]
