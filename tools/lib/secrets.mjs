// .data/secrets.json: what the Dapr secret store `secrets` answers. Made at the first start and kept; readable by its
// owner alone. An address that a person put there is kept as it is and means: there is a server, do not start one.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './terminal.mjs'

/** @typedef {Record<string, string>} Secrets */

const newPassword = () => randomBytes(24).toString('base64url')
const generated = ['postgres-password', 'mqtt-password', 'redis-password', 'app-api-token', 'dapr-api-token']

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
 * @param {{ postgres: number, mqtt: number, redis: number }} ports
 * @param {(secret: string) => boolean} isUsed whether a component of the profile refers to it
 * @returns {{ postgres: boolean, mqtt: boolean, redis: boolean }} which of them are ours to start
 */
export function addressServers(secrets, ports, isUsed) {
  const address = (
    /** @type {string} */ name,
    /** @type {boolean} */ used,
    /** @type {string} */ url,
    /** @type {string} */ password,
  ) => {
    const ours = !secrets[name] || secrets[name].includes(password)
    if (ours && used) secrets[name] = url
    else if (ours) delete secrets[name]
    return ours && used
  }
  const [postgres = '', mqtt = '', redis = ''] = ['postgres', 'mqtt', 'redis'].map(
    (name) => secrets[`${name}-password`],
  )
  const usesRedis = isUsed('redis-host')
  const own = {
    postgres: address(
      'postgres-url',
      isUsed('postgres-url'),
      `host=127.0.0.1 port=${ports.postgres} user=parley password=${postgres} dbname=parley sslmode=disable`,
      postgres,
    ),
    mqtt: address('mqtt-url', isUsed('mqtt-url'), `mqtt://parley:${mqtt}@127.0.0.1:${ports.mqtt}`, mqtt),
    redis: address('redis-url', usesRedis, `redis://:${redis}@127.0.0.1:${ports.redis}`, redis),
  }
  // Dapr's Redis components take the address in parts.
  const url = secrets['redis-url'] ? new URL(secrets['redis-url']) : undefined
  if (url) {
    secrets['redis-host'] = `${url.hostname}:${url.port || 6379}`
    secrets['redis-auth'] = decodeURIComponent(url.password)
  } else {
    delete secrets['redis-host']
    delete secrets['redis-auth']
  }
  return own
}
