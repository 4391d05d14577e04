// .data/secrets.json: what the Dapr secret store `secrets` answers. Made at the first start and kept; readable by its
// owner alone. An address that a person put there is kept as it is and means: there is a server, do not start one.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './terminal.mjs'

/** @typedef {Record<string, string>} Secrets */

/**
 * The servers that can be ours: where one is, in the words that its components take.
 * @type {Record<string, (port: number, password: string) => string>}
 */
export const ourAddress = {
  postgres: (port, password) =>
    `host=127.0.0.1 port=${port} user=parley password=${password} dbname=parley sslmode=disable`,
  mqtt: (port, password) => `mqtt://parley:${password}@127.0.0.1:${port}`,
  redis: (port, password) => `redis://:${password}@127.0.0.1:${port}`,
  rabbitmq: (port, password) => `amqp://parley:${password}@127.0.0.1:${port}/`,
  mongodb: (port, password) => `mongodb://parley:${password}@127.0.0.1:${port}/parley`,
  kafka: (port, password) => `kafka://parley:${password}@127.0.0.1:${port}`,
  nats: (port, password) => `nats://parley:${password}@127.0.0.1:${port}`,
  aws: (port, password) =>
    `aws://parley:${password}@us-east-1?endpoint=http://127.0.0.1:${port}&push=${motoTopic}`,
}

/** moto knows one account. */
const motoTopic = 'arn:aws:sns:us-east-1:123456789012:parley-push'

/**
 * Some components take the address in parts: the secrets that we make of it.
 * @type {Record<string, { example: string, names: string[], read: (url: string) => string[] | undefined }>}
 */
const addressParts = {
  redis: {
    example: 'redis://:password@host:6379',
    names: ['redis-host', 'redis-auth'],
    read: (text) => {
      const url = parseUrl(text)
      return url && [`${url.hostname}:${url.port || 6379}`, decodeURIComponent(url.password)]
    },
  },
  kafka: {
    example: 'kafka://user:password@host-1:9092,host-2:9092',
    names: ['kafka-brokers', 'kafka-username', 'kafka-auth'],
    read: (text) => {
      const [, user = '', password = '', brokers] =
        /^kafka:\/\/(?:([^:@]*):([^@]*)@)?([^/]+)/.exec(text) ?? []
      return brokers ? [brokers, decodeURIComponent(user), decodeURIComponent(password)] : undefined
    },
  },
  aws: {
    // Without a key, the sidecars ask the machine that they run on. Without an endpoint, it is AWS itself.
    example: 'aws://key:secret@eu-central-1',
    names: ['aws-region', 'aws-access-key', 'aws-secret-key', 'aws-endpoint', 'sns-topic-arn'],
    read: (text) => {
      const url = parseUrl(text)
      const [key, secret] = [url?.username, url?.password].map((part = '') => decodeURIComponent(part))
      const [endpoint, topic] = ['endpoint', 'push'].map((name) => url?.searchParams.get(name) ?? '')
      return url && [url.hostname, key ?? '', secret ?? '', endpoint ?? '', topic ?? '']
    },
  },
}
const parseUrl = (/** @type {string} */ text) => (URL.canParse(text) ? new URL(text) : undefined)

const newPassword = () => randomBytes(24).toString('base64url')
const generated = [
  ...Object.keys(ourAddress).map((name) => `${name}-password`),
  'app-api-token',
  'dapr-api-token',
]

/**
 * @param {string} dataDir
 * @returns {Secrets}
 */
export function loadSecrets(dataDir) {
  const path = join(dataDir, 'secrets.json')
  mkdirSync(dataDir, { recursive: true })
  /** @type {Secrets} */
  let secrets = {}
  if (existsSync(path)) {
    try {
      secrets = JSON.parse(readFileSync(path, 'utf8'))
    } catch {
      throw new SetupError(
        `${path} is not JSON: mend it. It holds the passwords of the data beside it, so do not delete it.`,
      )
    }
  }
  for (const name of generated) secrets[name] ??= newPassword()
  return secrets
}

/**
 * Written before the servers start: they take their passwords from it, and a password that was lost would lock us out.
 * @param {string} dataDir
 * @param {Secrets} secrets
 */
export function saveSecrets(dataDir, secrets) {
  const path = join(dataDir, 'secrets.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600 })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
}

/**
 * Where each server is: ours, unless the file names another one. Our own addresses are there only while the profile
 * uses them: a service takes the presence of `redis-url` to mean that there is a Redis.
 * @param {Secrets} secrets changed in place
 * @param {Readonly<Record<string, number>>} ports
 * @param {(secret: string) => boolean} isUsed whether a component of the profile refers to it
 * @returns {Set<string>} the servers that are ours to start
 */
export function addressServers(secrets, ports, isUsed) {
  const own = new Set()
  for (const [name, address] of Object.entries(ourAddress)) {
    const url = `${name}-url`
    const password = /** @type {string} */ (secrets[`${name}-password`])
    const isOurs = !secrets[url] || secrets[url].includes(password)
    if (isOurs && [url, ...(addressParts[name]?.names ?? [])].some(isUsed)) {
      secrets[url] = address(/** @type {number} */ (ports[name]), password)
      own.add(name)
    } else if (isOurs) delete secrets[url]
    setParts(secrets, name)
  }
  return own
}

/**
 * @param {Secrets} secrets
 * @param {string} server
 */
function setParts(secrets, server) {
  const { names, read, example } = addressParts[server] ?? { names: [] }
  for (const name of names) delete secrets[name]
  const url = secrets[`${server}-url`]
  if (!url || !read) return
  const values = read(url)
  if (!values) {
    throw new SetupError(`"${server}-url" in .data/secrets.json is no address such as ${example}: mend it.`)
  }
  for (const [index, name] of names.entries()) secrets[name] = values[index] ?? ''
}

/** The secret that names a store by its address, for its service's own driver. */
const storeSecret = (/** @type {{ document: any }} */ { document }) => `${document.metadata.name}-url`

/**
 * The stores without a Dapr component: each is where the server is that its DirectStore names. What an earlier profile
 * set is taken away again; what a person set stays, and then the profile's own wish counts for nothing.
 * @template {{ document: any }} R
 * @param {Secrets} secrets changed in place, before `addressServers` changes it
 * @param {readonly R[]} resources
 * @returns {{ resources: R[], address: () => void }} what is left to provide; to be called when the servers have addresses
 */
export function chooseStores(secrets, resources) {
  const servers = Object.keys(ourAddress).map((name) => secrets[`${name}-url`])
  for (const [name, value] of Object.entries(secrets))
    if (name.endsWith('-store-url') && servers.includes(value)) delete secrets[name]
  const isDirect = (/** @type {R} */ resource) => resource.document?.kind === 'DirectStore'
  const left = resources.filter((one) => !isDirect(one) || !secrets[storeSecret(one)])
  return {
    resources: left,
    address() {
      for (const one of left.filter(isDirect)) {
        const [{ secretKeyRef }] = one.document.spec.metadata
        secrets[storeSecret(one)] = secrets[secretKeyRef.name] ?? ''
      }
    },
  }
}
