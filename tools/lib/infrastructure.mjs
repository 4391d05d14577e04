// The servers that a profile needs and nobody else provides.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { provideFerretdb, startFerretdb } from './ferretdb.mjs'
import { provideKafka, startKafka } from './kafka.mjs'
import { provideMoto, startMoto } from './moto.mjs'
import { startMqtt } from './mqtt.mjs'
import { provideStreams, startNats } from './nats.mjs'
import { demandProgram } from './packages.mjs'
import { demandFreePorts } from './ports.mjs'
import { startPostgres } from './postgres.mjs'
import { demandSecrets, readResources, requiredSecrets, resourcePaths } from './profiles.mjs'
import { startRabbitmq } from './rabbitmq.mjs'
import { startRedis } from './redis.mjs'
import { demandComponents, neededComponents } from './resources.mjs'
import { addressServers, chooseStores, loadSecrets, saveSecrets } from './secrets.mjs'
import { step, warn } from './terminal.mjs'

/**
 * @typedef {object} Infrastructure
 * @property {import('./secrets.mjs').Secrets} secrets
 * @property {Record<string, { port: number, id?: import('./processes.mjs').ProcessId }>} servers
 * @property {(onDeath: (name: string) => void) => void} watch calls back when a server ends that nobody stopped
 * @property {(hurry?: AbortSignal) => Promise<void>} stop
 */

/**
 * By server; `<server>-…` are further ports of it.
 * @param {number} offset
 * @returns {Record<string, number>}
 */
export const serverPorts = (offset) => ({
  postgres: 15432 + offset,
  mqtt: 11883 + offset,
  redis: 16379 + offset,
  rabbitmq: 15673 + offset,
  'rabbitmq-nodes': 15674 + offset,
  'rabbitmq-names': 15675 + offset,
  mongodb: 17017 + offset,
  kafka: 15092 + offset,
  'kafka-controller': 15093 + offset,
  nats: 14222 + offset,
  aws: 14566 + offset,
})

/**
 * @typedef {object} Place
 * @property {string} dataDir
 * @property {number} port
 * @property {string} password
 *
 * @typedef {object} Started
 * @property {import('./processes.mjs').ProcessId} [id]
 * @property {Promise<unknown>} [exited]
 * @property {(hurry?: AbortSignal) => Promise<void>} stop
 *
 * @typedef {object} Server
 * @property {() => Promise<unknown>} [provide] gets what it needs and this machine lacks
 * @property {(place: Place) => Promise<Started>} start
 */

/** @type {Record<string, Server>} */
export const servers = {
  postgres: { start: startPostgres },
  redis: { provide: () => demandProgram('redis-server', 'redis-url'), start: startRedis },
  mqtt: { start: ({ port, password }) => startMqtt({ port, password, onWarning: warn }) },
  rabbitmq: { provide: () => demandProgram('rabbitmq-server', 'rabbitmq-url'), start: startRabbitmq },
  // FerretDB in the place of MongoDB, which is in no package registry.
  mongodb: { provide: async () => void (await provideFerretdb()), start: startFerretdb },
  kafka: { provide: provideKafka, start: startKafka },
  nats: { provide: () => demandProgram('nats-server', 'nats-url'), start: startNats },
  aws: { provide: provideMoto, start: startMoto },
}

/**
 * What a broker must have that sidecars do not make.
 * @param {Readonly<Record<string, string>>} secrets
 */
export async function provideBroker(secrets) {
  const url = secrets['nats-url']
  if (!url) return
  // The contracts are compiled by now.
  const { deadLetterTopic, events } = await import('@parley/contracts')
  const subscribers = new Set(events.flatMap((event) => [...event.subscribers]))
  await provideStreams(url, [...events.map(({ topic }) => topic), ...[...subscribers].map(deadLetterTopic)])
}

/**
 * @param {{ profile: import('./profiles.mjs').Profile, dataDir: string, portOffset: number, check?: Check }} options
 * @returns {Promise<Infrastructure>}
 */
export async function startInfrastructure({ profile, ...where }) {
  const all = readResources(resourcePaths(profile))
  demandComponents(all, await neededComponents())
  return startServers({ all, ...where })
}

/** @typedef {(secrets: Readonly<import('./secrets.mjs').Secrets>) => void} Check throws what is wrong before a server starts */

/**
 * Those that the resources refer to.
 * @param {{ all: readonly import('./resources.mjs').Resource[], dataDir: string, portOffset: number, check?: Check }} options
 * @returns {Promise<Infrastructure>}
 */
export async function startServers({ all, dataDir, portOffset, check = () => {} }) {
  mkdirSync(join(dataDir, 'logs'), { recursive: true })
  const ports = serverPorts(portOffset)
  const secrets = loadSecrets(dataDir)
  const { resources, address } = chooseStores(secrets, all)
  const used = requiredSecrets(resources)
  const own = addressServers(secrets, ports, (name) => used.has(name))
  demandSecrets(resources, secrets)
  check(secrets)
  address()
  saveSecrets(dataDir, secrets)

  const wanted = Object.entries(servers).filter(([name]) => own.has(name))
  const belongs = (/** @type {string} */ port) =>
    wanted.some(([name]) => port === name || port.startsWith(`${name}-`))
  await demandFreePorts(
    Object.entries(ports).flatMap(([what, port]) => (belongs(what) ? [{ port, what }] : [])),
  )
  for (const [, server] of wanted) await server.provide?.()
  const portOf = (/** @type {string} */ name) => /** @type {number} */ (ports[name])
  const passwordOf = (/** @type {string} */ name) => /** @type {string} */ (secrets[`${name}-password`])
  const start = async (/** @type {string} */ name, /** @type {Server} */ server) =>
    started.set(name, await server.start({ dataDir, port: portOf(name), password: passwordOf(name) }))

  /** @type {Map<string, Started>} */
  const started = new Map()
  let stopping = false
  const stop = async (/** @type {AbortSignal | undefined} */ hurry = undefined) => {
    stopping = true
    for (const server of [...started.values()].reverse()) await server.stop(hurry)
  }
  try {
    await step(`Servers: ${wanted.map(([name]) => name).join(', ') || 'none of ours'}`, () =>
      // Settled, not raced: one that fails must not leave another behind that starts a moment later.
      Promise.allSettled(wanted.map(([name, server]) => start(name, server))).then((results) => {
        const failure = results.find((result) => result.status === 'rejected')
        if (failure) throw failure.reason
      }),
    )
    await provideBroker(secrets)
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
