// What k8s/base/dapr holds: the files of a profile as they are, and what a cluster adds to them. The operator takes the same
// components; who may call what follows from the contracts, who may read which secret from the components.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { stringify } from 'yaml'
import { readResources, requiredSecrets, resourcePaths } from '../profiles.mjs'
import { callPolicies } from './call-policies.mjs'
import { namespace } from './names.mjs'

/** Files of components/common that a cluster has its own of. */
const replaced = ['config.yaml', 'secrets.yaml']

/**
 * @param {import('../profiles.mjs').Profile} profile
 * @returns {Promise<Record<string, string>>} name of the file → content
 */
export async function daprResources(profile) {
  const { appIds, componentNames, routes } = await import('@parley/contracts')
  const resources = readResources(resourcePaths(profile)).filter(
    ({ file }) => !replaced.some((name) => file === `components/common/${name}`),
  )
  const own = (/** @type {string} */ app) => secretsOf(app, componentNames.stores, resources)
  /** @type {Record<string, string>} */
  const files = {
    'secrets.yaml': documents([secretStore(componentNames.secrets)]),
    'configurations.yaml': documents(
      appIds.map((app) => configuration(app, callPolicies(app, routes), own(app).asked)),
    ),
    'secret-access.yaml': documents(appIds.flatMap((app) => secretAccess(app, own(app).all))),
  }
  for (const file of new Set(resources.filter(({ document }) => isDapr(document)).map(({ file }) => file)))
    files[basename(file)] = `${heading(file)}${readFileSync(file, 'utf8')}`
  files['kustomization.yaml'] = documents([
    {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: Object.keys(files).sort(),
    },
  ])
  return files
}

const heading = (/** @type {string} */ source) => `# Written by \`npm run k8s:resources\` from ${source}.\n`

const documents = (/** @type {readonly object[]} */ all) =>
  heading('the contracts and the components') +
  all.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n')

const isDapr = (/** @type {any} */ { apiVersion }) => /^dapr\.io\//.test(apiVersion)

/** What services find out from a secret: whether there are other nodes, and a topic to push to. */
const askedFor = /** @type {Record<string, string[]>} */ ({
  realtime: ['redis-url'],
  notifications: ['sns-topic-arn'],
})

/** Secrets that components take, and those that a service asks for itself. A service asks for what may not be there, too. */
function secretsOf(
  /** @type {string} */ app,
  /** @type {Readonly<Record<string, string>>} */ stores,
  /** @type {ReturnType<typeof readResources>} */ resources,
) {
  const mine = resources.filter(
    ({ document }) => isDapr(document) && document.kind === 'Component' && document.scopes?.includes(app),
  )
  const asked = [...(stores[app] ? [`${stores[app]}-url`] : []), ...(askedFor[app] ?? [])]
  return { asked, all: [...new Set([...requiredSecrets(mine).keys(), ...asked])].sort() }
}

/** By the service account's own rights. A secret of the name N has one key, N. */
const secretStore = (/** @type {string} */ name) => ({
  apiVersion: 'dapr.io/v1alpha1',
  kind: 'Component',
  metadata: { name },
  spec: { type: 'secretstores.kubernetes', version: 'v1', metadata: [] },
})

/**
 * @param {string} app
 * @param {readonly object[]} policies
 * @param {readonly string[]} asked
 */
const configuration = (app, policies, asked) => ({
  apiVersion: 'dapr.io/v1alpha1',
  kind: 'Configuration',
  metadata: { name: app },
  spec: {
    accessControl: { defaultAction: 'deny', trustDomain: namespace, policies },
    secrets: { scopes: [{ storeName: 'secrets', defaultAccess: 'deny', allowedSecrets: asked }] },
    tracing: { samplingRate: '0.01' },
    metrics: { enabled: true, http: { increasedCardinality: false } },
    logging: { apiLogging: { enabled: false } },
  },
})

/** @param {string} app */
function secretAccess(app, /** @type {readonly string[]} */ names) {
  if (names.length === 0) return []
  const metadata = { name: `${app}-secrets` }
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: names, verbs: ['get'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: app, namespace }],
    },
  ]
}
