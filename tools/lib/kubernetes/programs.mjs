// The programs for Kubernetes: what the user has, else a build from the Go modules in tools/kubernetes, once per user.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { build, cached, hasGo, isMade, make, moduleKey, suffix } from '../go-module.mjs'
import { SetupError } from '../terminal.mjs'

export const daprVersion = '1.18.0'

const small = (/** @type {string} */ more) => ['-trimpath', '-ldflags', `-s -w ${more}`]
const kubernetes = 'k8s.io/component-base/version'
const gitVersion = `-X ${kubernetes}.gitVersion=v1.31.0 -X ${kubernetes}.gitMajor=1 -X ${kubernetes}.gitMinor=31`

const programs = {
  kubectl: {
    version: '1.31.0',
    directory: 'tools/kubernetes/kubectl',
    seconds: 90,
    flags: small(gitVersion),
    onPath: true,
  },
  helm: {
    version: '3.17.4',
    directory: 'tools/kubernetes/helm',
    package: 'helm.sh/helm/v3/cmd/helm',
    seconds: 110,
    flags: small('-X helm.sh/helm/v3/internal/version.version=v3.17.4'),
    onPath: true,
  },
  kind: {
    version: '0.30.0',
    directory: 'tools/kubernetes/kind',
    package: 'sigs.k8s.io/kind',
    seconds: 30,
    flags: small(''),
    onPath: true,
  },
  /** etcd, kube-apiserver and kube-controller-manager. */
  cluster: {
    version: '1.31.0',
    directory: 'tools/kubernetes/cluster',
    seconds: 300,
    flags: small(gitVersion),
    onPath: false,
  },
  'dapr-control-plane': {
    version: daprVersion,
    directory: 'tools/kubernetes/dapr',
    seconds: 130,
    flags: small(`-X github.com/dapr/dapr/pkg/buildinfo.version=${daprVersion}`),
    onPath: false,
  },
}
/** @typedef {keyof typeof programs} Program */

/**
 * @param {Program} name
 * @returns {string | undefined} where it is, if it is there
 */
export function findProgram(name) {
  const { onPath, ...module } = programs[name]
  const own = onPath && (process.env.PATH ?? '').split(delimiter).find((folder) => isExecutable(folder, name))
  if (own) return join(own, name + suffix)
  const target = cached({ name, ...module })
  return isMade(target, [moduleKey({ name, ...module })]) ? target : undefined
}

/** @param {Program} name */
export async function provideProgram(name) {
  const found = findProgram(name)
  if (found) return found
  const { onPath, ...rest } = programs[name]
  const module = { name, ...rest }
  if (!(await hasGo()))
    throw new SetupError(
      onPath
        ? `${name} is needed and was not found: install it, or Go 1.26 or later, and it is built from its Go module.`
        : `${name} is built from its Go module: install Go 1.26 or later.`,
    )
  const target = cached(module)
  await make(target, async (fresh) => {
    await build(module, fresh)
    return moduleKey(module)
  })
  return target
}

/**
 * @param {string} folder
 * @param {string} name
 */
function isExecutable(folder, name) {
  try {
    accessSync(join(folder, name + suffix), constants.X_OK)
    return folder !== ''
  } catch {
    return false
  }
}
