// The Secrets that the manifests name, as manifests. One per secret, of the same name as elsewhere, so that a service account
// can be let to some of them and not to others.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { apps, secretsOfApps, secretsOfServers } from '../deployment-secrets.mjs'
import { root } from '../root.mjs'
import { namespace } from './names.mjs'

/** @param {import('../deployment-secrets.mjs').Choices} choices */
export function secretManifests(choices) {
  const ofApps = Object.assign({}, ...Object.values(secretsOfApps(choices)))
  // An address of its own stands above a component: where there is one, it is the store.
  if (existsSync(join(root, 'k8s/base/dapr/messages-store.yaml'))) delete ofApps['messages-store-url']
  const { 'redis.conf': redis, 'rabbitmq.conf': rabbitmq, ...passwords } = secretsOfServers(choices)
  return [
    ...Object.entries({ ...ofApps, ...passwords, ...ownSecrets(choices) }).map(([name, value]) =>
      secret(name, { [name]: value }),
    ),
    secret('redis-config', { 'redis.conf': redis }),
    secret('rabbitmq-config', { 'rabbitmq.conf': rabbitmq }),
    // The key is the one that Dapr's injector looks for.
    ...apps
      .flatMap((app) => [`${app}-dapr-api-token`, ...(app === 'gateway' ? [] : [`${app}-app-api-token`])])
      .map((name) => secret(name, { token: choices[name] ?? '' })),
  ]
}

/** What somebody has added for other servers; not what is made here, nor an address that others are made of. */
const ownSecrets = (/** @type {import('../deployment-secrets.mjs').Choices} */ choices) =>
  Object.fromEntries(
    Object.entries(choices).filter(
      ([name]) =>
        !/-(password|api-token)$/.test(name) && !/^(postgres|redis|rabbitmq|mongodb)-url$/.test(name),
    ),
  )

/**
 * @param {string} name
 * @param {Record<string, string>} stringData
 */
const secret = (name, stringData) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'parley' } },
  stringData,
})
