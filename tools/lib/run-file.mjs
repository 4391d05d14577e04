// dapr.yaml, read the way `dapr run -f` reads it, for one `dapr run` per app.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { serverPorts } from './infrastructure.mjs'
import { portIsFree } from './ports.mjs'
import { isAlive } from './processes.mjs'
import { readYaml, resourcePaths } from './profiles.mjs'
import { root } from './root.mjs'
import { self } from './run-state.mjs'
import { SetupError } from './terminal.mjs'

/**
 * @typedef {object} AppEntry
 * @property {string} id of the replica: the app id, from the second on with its number
 * @property {string} appId
 * @property {string[]} command
 * @property {number | undefined} appPort
 * @property {number} daprHttpPort
 * @property {number} daprGrpcPort
 * @property {number} daprInternalGrpcPort
 * @property {number} metricsPort
 * @property {Record<string, string>} env
 * @property {string} configFile
 * @property {string} logLevel
 */

/**
 * @param {{ file?: string, portOffset?: number, replicas?: number }} [options] the offset shifts every port, also those
   in `env`; of the gateway there is always one
 * @returns {AppEntry[]}
 */
export function readRunFile({ file = join(root, 'dapr.yaml'), portOffset = 0, replicas = 1 } = {}) {
  const apps = readApps(file, portOffset)
  return apps.flatMap((app) => {
    if (!app.env.GATEWAY_PORT) return Array.from({ length: replicas }, (_, i) => replicaOf(app, i))
    if (replicas === 1) return [app]
    const nodes = Array.from({ length: replicas }, (_, i) => Number(app.env.REALTIME_PORT) + i * portsApart)
    return [{ ...app, env: { ...app.env, REALTIME_PORT: nodes.join(',') } }]
  })
}

/** In dapr.yaml the ports of one kind lie below each other. */
const portsApart = 10

/**
 * @param {AppEntry} app
 * @param {number} index
 * @returns {AppEntry}
 */
function replicaOf(app, index) {
  if (index === 0) return app
  const away = index * portsApart
  return {
    ...app,
    id: `${app.appId}-${index + 1}`,
    appPort: app.appPort && app.appPort + away,
    daprHttpPort: app.daprHttpPort + away,
    daprGrpcPort: app.daprGrpcPort + away,
    daprInternalGrpcPort: app.daprInternalGrpcPort + away,
    metricsPort: app.metricsPort + away,
    // Without it a node is called like its host.
    env: { ...app.env, ...metricsPortOf(app, away), PARLEY_NODE: `${hostname().slice(0, 60)}-${index + 1}` },
  }
}

/**
 * @param {AppEntry} app
 * @param {number} away
 */
const metricsPortOf = ({ env }, away) =>
  env.METRICS_PORT ? { METRICS_PORT: String(Number(env.METRICS_PORT) + away) } : {}

/**
 * @param {string} file
 * @param {number} portOffset
 * @returns {AppEntry[]}
 */
function readApps(file, portOffset) {
  const content = readYaml(file)[0]?.document
  if (!Array.isArray(content?.apps)) throw new SetupError(`${file} has no list of apps.`)
  const base = resolve(file, '..')
  const shift = (/** @type {number | undefined} */ port) => (port ? port + portOffset : undefined)
  return content.apps.map((/** @type {any} */ app) => {
    const directory = resolve(base, app.appDirPath ?? '.')
    const need = (/** @type {string} */ key) => {
      if (!Number.isInteger(app[key]))
        throw new SetupError(`${file}: the app ${app.appID} needs a number as ${key}.`)
      return app[key] + portOffset
    }
    return {
      id: app.appID,
      appId: app.appID,
      command: app.command.map((/** @type {string} */ part) => absolute(directory, part)),
      appPort: shift(app.appPort),
      daprHttpPort: need('daprHTTPPort'),
      daprGrpcPort: need('daprGRPCPort'),
      daprInternalGrpcPort: need('daprInternalGRPCPort'),
      metricsPort: need('metricsPort'),
      env: shiftEnv({ ...content.common?.env, ...app.env }, portOffset),
      configFile: resolve(
        base,
        app.configFilePath ?? content.common?.configFilePath ?? 'components/common/config.yaml',
      ),
      logLevel: app.logLevel ?? content.common?.logLevel ?? 'info',
    }
  })
}

/** The run directory may be another than the app's: what names a file there becomes absolute. */
function absolute(/** @type {string} */ directory, /** @type {string} */ part) {
  const path = join(directory, part)
  return part.includes('/') && !part.startsWith('-') && existsSync(path) ? path : part
}

/**
 * @param {Record<string, string>} env
 * @param {number} offset
 */
const shiftEnv = (env, offset) =>
  Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      /_PORT$/.test(name) ? String(Number(value) + offset) : String(value),
    ]),
  )

/** @param {readonly AppEntry[]} apps */
export const portsOf = (apps) =>
  apps.flatMap((app) => [
    ...(app.appPort ? [{ port: app.appPort, what: app.id }] : []),
    ...(app.env.METRICS_PORT ? [{ port: Number(app.env.METRICS_PORT), what: `metrics of ${app.id}` }] : []),
    ...(app.env.GATEWAY_PORT ? [{ port: Number(app.env.GATEWAY_PORT), what: app.id }] : []),
    { port: app.daprHttpPort, what: `sidecar of ${app.id}` },
    { port: app.daprGrpcPort, what: `sidecar of ${app.id}` },
    { port: app.daprInternalGrpcPort, what: `sidecar of ${app.id}` },
  ])

/**
 * No two ports of dapr.yaml, with all replicas, and of the servers differ by a multiple of it: starts at the same time
 * share no port.
 */
export const offsetStep = 650

/**
 * An offset with which every port is free. It stays below the ports that the system gives to outgoing connections. A file
 * names who took it, as between the look and the use another start may look, too.
 * @param {number | 'auto'} wish
 * @param {number} [replicas]
 * @returns {Promise<number>}
 */
export async function choosePortOffset(wish, replicas = 1) {
  if (wish !== 'auto') return wish
  for (let offset = 500; offset < 16_000; offset += offsetStep) {
    const ports = [
      ...portsOf(readRunFile({ portOffset: offset, replicas })).map(({ port }) => port),
      ...Object.values(serverPorts(offset)),
    ]
    const free = await Promise.all(ports.map((port) => portIsFree(port)))
    if (free.every(Boolean) && claim(join(tmpdir(), `parley-offset-${offset}`))) return offset
  }
  throw new SetupError('No offset was found with which all ports are free: give one with --port-offset.')
}

/** @param {string} path */
function claim(path) {
  try {
    if (!isAlive(JSON.parse(readFileSync(path, 'utf8')))) rmSync(path)
  } catch {
    // Nobody has claimed it.
  }
  try {
    writeFileSync(path, JSON.stringify(self()), { flag: 'wx' })
    process.on('exit', () => rmSync(path, { force: true }))
    return true
  } catch {
    return false
  }
}

/**
 * The file for `dapr run -f`: dapr.yaml itself, or, where the profile, the ports or the directory are others than there,
 * a copy of it that has them.
 * @param {{ profile: import('./profiles.mjs').Profile, portOffset: number, runDir: string, dataDir: string }} options
 */
export function writeRunFile({ profile, portOffset, runDir, dataDir }) {
  const original = join(root, 'dapr.yaml')
  const content = readYaml(original)[0]?.document
  const paths = resourcePaths(profile)
  const asWritten = content.common.resourcesPaths.map((/** @type {string} */ path) => join(root, path))
  if (portOffset === 0 && runDir === root && asWritten.join() === paths.join()) return original
  const copy = {
    ...content,
    common: {
      ...content.common,
      configFilePath: join(root, content.common.configFilePath),
      resourcesPaths: paths,
    },
    apps: readRunFile({ portOffset }).map((app) => ({
      appID: app.id,
      appDirPath: runDir,
      command: app.command,
      ...(app.appPort ? { appPort: app.appPort } : {}),
      daprHTTPPort: app.daprHttpPort,
      daprGRPCPort: app.daprGrpcPort,
      daprInternalGRPCPort: app.daprInternalGrpcPort,
      metricsPort: app.metricsPort,
      env: app.env,
    })),
  }
  const path = join(dataDir, 'dapr.yaml')
  writeFileSync(path, stringify(copy))
  return path
}
