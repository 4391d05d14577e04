// dapr.yaml, read the way `dapr run -f` reads it, for one `dapr run` per app.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readYaml } from './profiles.mjs'
import { root } from './root.mjs'
import { SetupError } from './terminal.mjs'

/**
 * @typedef {object} AppEntry
 * @property {string} id
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
 * @param {{ file?: string, portOffset?: number }} [options] the offset shifts every port, also those in `env`
 * @returns {AppEntry[]}
 */
export function readRunFile({ file = join(root, 'dapr.yaml'), portOffset = 0 } = {}) {
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
function shiftEnv(env, offset) {
  const number = (/** @type {string} */ text) => String(Number(text) + offset)
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => {
      const text = String(value)
      if (/_PORT$/.test(name) && /^\d+$/.test(text)) return [name, number(text)]
      return [name, text.replace(/(?<=\/\/(?:127\.0\.0\.1|localhost):)\d+/g, number)]
    }),
  )
}

/** @param {readonly AppEntry[]} apps */
export const portsOf = (apps) =>
  apps.flatMap((app) => [
    ...(app.appPort ? [{ port: app.appPort, what: app.id }] : []),
    ...(app.env.GATEWAY_PORT ? [{ port: Number(app.env.GATEWAY_PORT), what: app.id }] : []),
    { port: app.daprHttpPort, what: `sidecar of ${app.id}` },
    { port: app.daprGrpcPort, what: `sidecar of ${app.id}` },
    { port: app.daprInternalGrpcPort, what: `sidecar of ${app.id}` },
  ])
