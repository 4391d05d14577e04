// npm run compose:secrets: what docker-compose.yml reads from .data/compose. Built-ins only.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { exitWith, SetupError, say } from './lib/terminal.mjs'

const usage = `npm run compose:secrets [-- --directory d]
  --directory    where to write; docker-compose.yml reads .data/compose (the default)

Passwords, once made, are kept: the volumes know them. A server of your own: add its address to choices.json there, such
as "rabbitmq-url": "amqps://user:password@host/", and run this again.`

const apps = ['auth', 'gateway', 'messages', 'notifications', 'presence', 'realtime']
const passwords = ['postgres', 'redis', 'rabbitmq', 'mongodb', 'grafana'].map((name) => `${name}-password`)
const tokens = apps.flatMap((app) => [`${app}-dapr-api-token`, `${app}-app-api-token`])

try {
  const { directory } = readArguments(usage, { directory: { type: 'string' } }).values
  const target = directory === undefined ? join(root, '.data/compose') : resolve(directory)
  // Files are open to every user of a container, because its user is not the one who owns them here: the directory
  // keeps everybody else on this machine out.
  mkdirSync(target, { recursive: true, mode: 0o700 })
  chmodSync(target, 0o700)
  const choices = readChoices(join(target, 'choices.json'))
  for (const [name, text] of Object.entries(filesOf(choices))) write(join(target, name), text, 0o444)
  say(`The secrets are in ${relative(process.cwd(), target) || '.'}. Now: docker compose up -d --build`)
} catch (error) {
  exitWith(error)
}

/**
 * @param {string} path
 * @returns {Record<string, string>} with what was missing
 */
function readChoices(path) {
  /** @type {Record<string, string>} */
  let choices = {}
  if (existsSync(path)) {
    try {
      choices = JSON.parse(readFileSync(path, 'utf8'))
    } catch {
      throw new SetupError(`${path} is not JSON: mend it. It holds the passwords of the volumes.`)
    }
  }
  for (const name of [...passwords, ...tokens]) choices[name] ||= randomBytes(24).toString('base64url')
  write(path, json(choices), 0o600)
  return choices
}

/**
 * Each app gets what its own components and drivers ask for, and nothing else.
 * @param {Record<string, string>} choices
 * @returns {Record<string, string>} name → content
 */
function filesOf(choices) {
  const secret = (/** @type {string} */ name) => /** @type {string} */ (choices[name])
  const url = (/** @type {string} */ server, /** @type {(password: string) => string} */ ours) =>
    choices[`${server}-url`] ?? ours(secret(`${server}-password`))
  const redis = url('redis', (password) => `redis://:${password}@redis:6379`)
  const { hostname, port, password } = new URL(redis)
  const bus = { 'rabbitmq-url': url('rabbitmq', (own) => `amqp://parley:${own}@rabbitmq:5672/`) }
  const postgres = {
    'postgres-url': url(
      'postgres',
      (own) => `host=postgres port=5432 user=parley password=${own} dbname=parley sslmode=disable`,
    ),
  }
  const mongodb = url('mongodb', (own) => `mongodb://parley:${own}@mongodb:27017/parley?authSource=admin`)
  return {
    'auth.json': json({ ...bus, ...postgres }),
    'gateway.json': json({}),
    'messages.json': json({ ...bus, 'messages-store-url': mongodb }),
    'notifications.json': json({ ...bus, ...postgres }),
    'presence.json': json({
      ...bus,
      'redis-host': `${hostname}:${port || 6379}`,
      'redis-auth': decodeURIComponent(password),
    }),
    'realtime.json': json({ ...bus, 'redis-url': redis }),
    ...Object.fromEntries(
      apps.map((app) => [
        `${app}.env`,
        `DAPR_API_TOKEN=${secret(`${app}-dapr-api-token`)}\nAPP_API_TOKEN=${secret(`${app}-app-api-token`)}\n`,
      ]),
    ),
    'postgres-password': secret('postgres-password'),
    'mongodb-password': secret('mongodb-password'),
    'grafana-password': secret('grafana-password'),
    'redis.conf': `requirepass ${secret('redis-password')}\n`,
    'rabbitmq.conf': `default_user = parley\ndefault_pass = ${secret('rabbitmq-password')}\n`,
  }
}

/** @param {unknown} value */
function json(value) {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/**
 * @param {string} path
 * @param {string} text
 * @param {number} mode
 */
function write(path, text, mode) {
  writeFileSync(`${path}.new`, text, { mode })
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
}
