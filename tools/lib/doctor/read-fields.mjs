// The fields of Dapr's documents and components, from its sources. A component's are those of its metadata.yaml, which is not
// complete, and of the structs that it reads its metadata into; a document's are those of its custom resource definition.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

const aws = 'common/aws/auth'
const redis = 'common/component/redis'
const postgres = 'common/authentication/postgresql'
const azure = 'common/authentication/azure'
/** Read from maps, not into structs: azure/metadata-properties.go and pubsub/{tls,concurrency}.go. */
const azureNames = [
  ...['azureClientId', 'azureClientSecret', 'azureTenantId', 'azureEnvironment', 'azureAuthMethods'],
  ...['azureCertificate', 'azureCertificateFile', 'azureCertificatePassword'],
]
const tls = ['caCert', 'clientCert', 'clientKey']

/**
 * Where a component's metadata.yaml is, the folders of more structs, and more names that its code reads.
 * @type {Record<string, { folder: string, structs?: string[], names?: string[] }>}
 */
const sources = {
  'bindings.aws.sns/v1': { folder: 'bindings/aws/sns', structs: [aws] },
  'pubsub.aws.snssqs/v1': {
    folder: 'pubsub/aws/snssqs',
    structs: [aws],
    names: ['awsAccountID', 'awsSecret'],
  },
  'pubsub.jetstream/v1': { folder: 'pubsub/jetstream', names: ['concurrencyMode'] },
  'pubsub.kafka/v1': {
    folder: 'pubsub/kafka',
    structs: ['common/component/kafka', aws],
    names: ['authRequired'],
  },
  'pubsub.mqtt3/v1': { folder: 'pubsub/mqtt3', names: tls },
  'pubsub.rabbitmq/v1': { folder: 'pubsub/rabbitmq', names: ['concurrencyMode', 'host', ...tls] },
  'pubsub.redis/v1': { folder: 'pubsub/redis', structs: [redis, azure], names: azureNames },
  'state.mongodb/v1': { folder: 'state/mongodb' },
  'state.postgresql/v2': {
    folder: 'state/postgresql/v2',
    structs: [postgres, azure, aws],
    names: azureNames,
  },
  'state.redis/v1': {
    folder: 'state/redis',
    structs: [redis, azure],
    names: ['maxRetries', 'maxRetryBackoff', ...azureNames],
  },
  'state.sqlite/v1': { folder: 'state/sqlite', structs: ['common/authentication/sqlite'] },
  'secretstores.kubernetes/v1': { folder: 'secretstores/kubernetes' },
  'secretstores.local.env/v1': { folder: 'secretstores/local/env' },
  'secretstores.local.file/v1': { folder: 'secretstores/local/file' },
}

/** What the runtime itself reads from the metadata of every component of a kind (dapr/pkg: scopes, processor, encryption). */
const ofRuntime = /** @type {Record<string, string[]>} */ ({
  pubsub: ['allowedTopics', 'protectedTopics', 'publishingScopes', 'subscriptionScopes', 'consumerID'],
  state: [
    ...['keyPrefix', 'actorStateStore', 'primaryEncryptionKey', 'secondaryEncryptionKey'],
    ...['outboxPublishPubsub', 'outboxPublishTopic', 'outboxPubsub', 'outboxDiscardWhenMissingState'],
  ],
  secretstores: [],
  bindings: [],
})

const definitions = ['components', 'configuration', 'httpendpoints', 'resiliency', 'subscription']

/** @param {{ dapr: string, contrib: string, versions: Record<string, string> }} modules their directories */
export function readFields({ dapr, contrib, versions }) {
  const documents = Object.assign(
    {},
    ...definitions.map((name) =>
      definitionOf(readFileSync(join(dapr, `charts/dapr/crds/${name}.yaml`), 'utf8')),
    ),
  )
  const components = Object.fromEntries(
    Object.keys(sources).map((type) => [type, componentOf(contrib, type)]),
  )
  return { from: versions, documents, components, withoutEtags: withoutEtags(contrib) }
}

/** @param {string} text a custom resource definition */
function definitionOf(text) {
  const [{ spec }] = parseAllDocuments(text).map((one) => one.toJS())
  return Object.fromEntries(
    spec.versions.map((/** @type {any} */ version) => [
      `${spec.group}/${version.name} ${spec.names.kind}`,
      treeOf(version.schema.openAPIV3Schema),
    ]),
  )
}

/**
 * `{ key: … }`, `{ '*': … }` for any key, `[…]` for a list, 'value' for a text, number or boolean, null for anything.
 * @param {any} schema
 * @returns {unknown}
 */
function treeOf(schema) {
  if (schema.items) return [treeOf(schema.items)]
  if (schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, treeOf(one)]))
  }
  if (schema.additionalProperties) return { '*': treeOf(schema.additionalProperties) }
  return ['string', 'integer', 'number', 'boolean'].includes(schema.type) ? 'value' : null
}

/**
 * @param {string} contrib
 * @param {string} type
 */
function componentOf(contrib, type) {
  const { folder, structs = [], names: more = [] } = /** @type {typeof sources[string]} */ (sources[type])
  const kind = /** @type {string} */ (type.split('.')[0])
  const description = parse(readFileSync(join(contrib, folder, 'metadata.yaml'), 'utf8'))
  const listed = [
    description,
    ...(description.authenticationProfiles ?? []),
    ...(description.builtinAuthenticationProfiles ?? []),
  ].flatMap((/** @type {any} */ one) => one.metadata ?? [])
  const names = [
    ...listed.flatMap((one) => [one.name, ...(one.aliases ?? [])]),
    ...[folder, ...structs].flatMap((one) => tagsIn(join(contrib, one), kind)),
    ...(ofRuntime[kind] ?? []),
    ...more,
  ]
  const secret = listed.filter((one) => one.sensitive).map((one) => one.name)
  return { fields: sorted(names), secret: sorted(secret) }
}

/**
 * The names in the tags of a package's structs, but for those that are for components of another kind.
 * @param {string} folder
 * @param {string} kind
 */
function tagsIn(folder, kind) {
  return [...goFilesOf(folder).matchAll(/mapstructure:"([^",-][^",]*)"([^`\n]*)/g)].flatMap(
    ([, name = '', rest = '']) => {
      const only = /mdonly:"([^"]*)"/.exec(rest)?.[1]?.split(',')
      const aliases = /mapstructurealiases:"([^"]*)"/.exec(rest)?.[1]?.split(',') ?? []
      return only && !only.includes(kind) ? [] : [name, ...aliases]
    },
  )
}

/** @param {string} folder */
const goFilesOf = (folder) =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith('.go') && !name.endsWith('_test.go'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')

/**
 * The state stores that do not name the feature: neither in their own package nor in one that they are made on.
 * @param {string} contrib
 */
function withoutEtags(contrib) {
  const folders = readdirSync(join(contrib, 'state'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('metadata.yaml'))
    .map((name) => join(contrib, 'state', name, '..'))
  const types = folders.map((folder) => {
    const { name, version, capabilities } = parse(readFileSync(join(folder, 'metadata.yaml'), 'utf8'))
    const code = goFilesOf(folder)
    const imports = [...code.matchAll(/"github\.com\/dapr\/components-contrib\/((?:common|state)\/[^"]+)"/g)]
    const all = [code, ...imports.map(([, path = '']) => goFilesOf(join(contrib, path)))].join('\n')
    const has = capabilities?.includes('etag') || /\bFeatureETag\b/.test(all)
    return { type: `state.${name}/${version}`, has }
  })
  return sorted(types.filter(({ has }) => !has).map(({ type }) => type))
}

const sorted = (/** @type {string[]} */ names) => [...new Set(names)].sort()
