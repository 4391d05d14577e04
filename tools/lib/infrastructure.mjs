// The servers that a profile needs and nobody else provides.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startMqtt } from './mqtt.mjs'
import { demandFreePorts } from './ports.mjs'
import { startPostgres } from './postgres.mjs'
import { demandSecrets, readResources, requiredSecrets, resourcePaths } from './profiles.mjs'
import { startRedis } from './redis.mjs'
import { addressServers, loadSecrets, saveSecrets } from './secrets.mjs'
import { step, warn } from './terminal.mjs'

/**
 * @typedef {object} Infrastructure
 * @property {import('./secrets.mjs').Secrets} secrets
 * @property {Record<string, { port: number, id?: import('./processes.mjs').ProcessId }>} servers
 * @property {(onDeath: (name: string) => void) => void} watch calls back when a server ends that nobody stopped
 * @property {(hurry?: AbortSignal) => Promise<void>} stop
 */

/** @param {number} offset */
export const serverPorts = (offset) => ({
  postgres: 15432 + offset,
  mqtt: 11883 + offset,
  redis: 16379 + offset,
})

/**
 * @param {{ profile: import('./profiles.mjs').Profile, dataDir: string, portOffset: number }} options
 * @returns {Promise<Infrastructure>}
 */
export async function startInfrastructure({ profile, dataDir, portOffset }) {
  mkdirSync(join(dataDir, 'logs'), { recursive: true })
  const ports = serverPorts(portOffset)
  const resources = readResources(resourcePaths(profile))
  const used = requiredSecrets(resources)
  const secrets = loadSecrets(dataDir)
  const own = addressServers(secrets, ports, (name) => used.has(name))
  demandSecrets(resources, secrets)
  saveSecrets(dataDir, secrets)

  const password = (/** @type {string} */ name) => /** @type {string} */ (secrets[`${name}-password`])
  /** @type {{ name: string, start: () => Promise<any> }[]} */
  const wanted = []
  if (own.postgres) {
    wanted.push({
      name: 'postgres',
      start: () => startPostgres({ dataDir, port: ports.postgres, password: password('postgres') }),
    })
  }
  if (own.redis)
    wanted.push({
      name: 'redis',
      start: () => startRedis({ dataDir, port: ports.redis, password: password('redis') }),
    })
  if (own.mqtt) {
    wanted.push({
      name: 'mqtt',
      start: () => startMqtt({ port: ports.mqtt, password: password('mqtt'), onWarning: warn }),
    })
  }
  const portOf = (/** @type {string} */ name) => ports[/** @type {keyof typeof ports} */ (name)]
  await demandFreePorts(wanted.map(({ name }) => ({ port: portOf(name), what: name })))

  /** @type {Map<string, any>} */
  const started = new Map()
  let stopping = false
  const stop = async (/** @type {AbortSignal | undefined} */ hurry = undefined) => {
    stopping = true
    for (const server of [...started.values()].reverse()) await server.stop(hurry)
  }
  try {
    await step(`Servers: ${wanted.map(({ name }) => name).join(', ') || 'none of ours'}`, () =>
      // Settled, not raced: one that fails must not leave another behind that starts a moment later.
      Promise.allSettled(wanted.map(async ({ name, start }) => started.set(name, await start()))).then(
        (results) => {
          const failure = results.find((result) => result.status === 'rejected')
          if (failure) throw failure.reason
        },
      ),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    secrets,
    servers: Object.fromEntries(
      [...started].map(([name, server]) => [
        name,
        { port: portOf(name), ...(server.id ? { id: server.id } : {}) },
      ]),
    ),
    watch(onDeath) {
      for (const [name, server] of started) server.exited?.then(() => stopping || onDeath(name))
    },
    stop,
  }
}
