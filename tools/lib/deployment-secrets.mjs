// What the parts of Parley need to know of each other where they run in containers: passwords and tokens, made once and kept in
// a file, and of them what each app and each server gets.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './terminal.mjs'

export const apps = ['auth', 'gateway', 'messages', 'notifications', 'presence', 'realtime']
const passwords = ['postgres', 'redis', 'rabbitmq', 'mongodb', 'grafana'].map((name) => `${name}-password`)
const tokens = apps.flatMap((app) => [`${app}-dapr-api-token`, `${app}-app-api-token`])

/** @typedef {Record<string, string>} Choices */

/**
 * Makes what is missing in choices.json. The directory is its owner's alone.
 * @param {string} directory
 * @returns {Choices}
 */
export function readChoices(directory) {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  const path = join(directory, 'choices.json')
  /** @type {Choices} */
  let choices = {}
  if (existsSync(path)) {
    try {
      choices = JSON.parse(readFileSync(path, 'utf8'))
    } catch {
      throw new SetupError(`${path} is not JSON: mend it. It holds the passwords of the volumes.`)
    }
  }
  for (const name of [...passwords, ...tokens]) choices[name] ||= randomBytes(24).toString('base64url')
  writeSecret(path, json(choices), 0o600)
  return choices
}

/**
 * Each app gets what its own components and drivers ask for, and nothing else.
 * @param {Choices} choices
 * @returns {Record<string, Record<string, string>>} app → name → secret
 */
export function secretsOfApps(choices) {
  const url = (/** @type {string} */ server, /** @type {(password: string) => string} */ ours) =>
    choices[`${server}-url`] ?? ours(choices[`${server}-password`] ?? '')
  const redis = url('redis', (password) => `redis://:${password}@redis:6379`)
  const { protocol, username, hostname, port, password } = new URL(redis)
  if (protocol !== 'redis:' || username !== '')
    throw new SetupError(
      'The "redis-url" in choices.json names a user or TLS, which presence-store.yaml does not take: use redis://:password@host:port, or set redisUsername or enableTLS in that component and its secrets by hand.',
    )
  const bus = { 'rabbitmq-url': url('rabbitmq', (own) => `amqp://parley:${own}@rabbitmq:5672/`) }
  const postgres = {
    'postgres-url': url(
      'postgres',
      (own) => `host=postgres port=5432 user=parley password=${own} dbname=parley sslmode=disable`,
    ),
  }
  const mongodb = url('mongodb', (own) => `mongodb://parley:${own}@mongodb:27017/parley?authSource=admin`)
  return {
    auth: { ...bus, ...postgres },
    gateway: {},
    messages: { ...bus, 'messages-store-url': mongodb },
    notifications: { ...bus, ...postgres },
    presence: {
      ...bus,
      'redis-host': `${hostname}:${port || 6379}`,
      'redis-auth': decodeURIComponent(password),
    },
    realtime: { ...bus, 'redis-url': redis },
  }
}

/**
 * What the servers that are ours read.
 * @param {Choices} choices
 */
export const secretsOfServers = (choices) => ({
  'postgres-password': choices['postgres-password'] ?? '',
  'mongodb-password': choices['mongodb-password'] ?? '',
  'redis.conf': `requirepass ${choices['redis-password']}\n`,
  'rabbitmq.conf': `default_user = parley\ndefault_pass = ${choices['rabbitmq-password']}\n`,
})

/** @param {unknown} value */
export const json = (value) => `${JSON.stringify(value, undefined, 2)}\n`

/**
 * @param {string} path
 * @param {string} text
 * @param {number} mode
 */
export function writeSecret(path, text, mode) {
  writeFileSync(`${path}.new`, text, { mode })
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
}
