// npm run compose:secrets: what docker-compose.yml reads from .data/compose. Built-ins only.
import { join, relative, resolve } from 'node:path'
import {
  apps,
  json,
  readChoices,
  secretsOfApps,
  secretsOfServers,
  writeSecret,
} from './lib/deployment-secrets.mjs'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { exitWith, say } from './lib/terminal.mjs'

const usage = `npm run compose:secrets [-- --directory d]
  --directory    where to write; docker-compose.yml reads .data/compose (the default)

Passwords, once made, are kept: the volumes know them. A server of your own: add its address to choices.json there, such
as "rabbitmq-url": "amqps://user:password@host/", and run this again.`

try {
  const { directory } = readArguments(usage, { directory: { type: 'string' } }).values
  const target = directory === undefined ? join(root, '.data/compose') : resolve(directory)
  const choices = readChoices(target)
  // Files are open to every user of a container, because its user is not the one who owns them here: the directory
  // keeps everybody else on this machine out.
  for (const [name, text] of Object.entries(filesOf(choices))) writeSecret(join(target, name), text, 0o444)
  say(`The secrets are in ${relative(process.cwd(), target) || '.'}. Now: docker compose up -d --build`)
} catch (error) {
  exitWith(error)
}

/**
 * @param {import('./lib/deployment-secrets.mjs').Choices} choices
 * @returns {Record<string, string>} name → content
 */
function filesOf(choices) {
  const ofApps = Object.entries(secretsOfApps(choices)).map(([app, own]) => [`${app}.json`, json(own)])
  const tokens = apps.map((app) => [
    `${app}.env`,
    `DAPR_API_TOKEN=${choices[`${app}-dapr-api-token`]}\nAPP_API_TOKEN=${choices[`${app}-app-api-token`]}\n`,
  ])
  return {
    ...Object.fromEntries([...ofApps, ...tokens]),
    ...secretsOfServers(choices),
    'grafana-password': choices['grafana-password'] ?? '',
  }
}
