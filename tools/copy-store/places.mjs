// Where the documents of a service are: what a folder of components/stores says, or a database by its address.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createLogger, createSidecar, daprRawStore } from '@parley/kit'
import { mongoRawStore } from '@parley/kit/mongo'
import { postgresRawStore } from '@parley/kit/postgres'
import { readYaml } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'
import { SetupError } from '../lib/terminal.mjs'
import { addressRows, componentRows } from './read.mjs'
import { startSidecar } from './sidecar.mjs'

/** @typedef {import('@parley/contracts').AppId} AppId */

/**
 * @typedef {object} Place
 * @property {string} what for people
 * @property {() => import('./read.mjs').Rows} rows
 * @property {() => Promise<{ store: import('@parley/kit').RawStore, close: () => Promise<void> }>} open to write
 */

const isAddress = (/** @type {string} */ wish) => wish.includes('://')

/**
 * The one file of the folder that says where the service keeps its documents. None for an address.
 * @param {string} wish
 * @param {AppId} service
 */
export function resourceOf(wish, service) {
  if (isAddress(wish)) return undefined
  const directory = join(root, 'components/stores')
  if (!readdirSync(directory).includes(wish)) {
    throw new SetupError(
      `There is no folder components/stores/${wish}. There are: ${readdirSync(directory).join(', ')}. An address begins with postgres:// or mongodb://.`,
    )
  }
  const files = readdirSync(join(directory, wish)).filter((name) => /\.ya?ml$/.test(name))
  for (const name of files) {
    const path = join(directory, wish, name)
    const found = readYaml(path).find(({ document }) => document?.metadata?.name === `${service}-store`)
    if (found) return { ...found, path }
  }
  throw new SetupError(`components/stores/${wish} has no ${service}-store.`)
}

/**
 * @param {string} wish
 * @param {{ service: AppId, secrets: Readonly<Record<string, string>>, runDir: string, daprd: string }} context
 * @returns {Place}
 */
export function placeOf(wish, { service, secrets, runDir, daprd }) {
  const resource = resourceOf(wish, service)
  if (!resource) return addressPlace(wish, service)
  const { document, path, file } = resource
  if (document.kind === 'DirectStore') return addressPlace(secrets[`${service}-store-url`] ?? '', service)
  const metadata = Object.fromEntries(
    document.spec.metadata.map((/** @type {any} */ { name, value, secretKeyRef }) => [
      name,
      secretKeyRef ? (secrets[secretKeyRef.name] ?? '') : String(value),
    ]),
  )
  if (metadata.keyPrefix !== 'none') {
    throw new SetupError(`${file} does not have keyPrefix none: its keys are not those of the other stores.`)
  }
  const { what, rows } = componentRows(`${document.spec.type}/${document.spec.version}`, metadata)
  return {
    what: `${what} (${file})`,
    rows,
    async open() {
      const { httpPort, stop } = await startSidecar({ daprd, service, path, runDir })
      const sidecar = createSidecar({ httpPort, app: service, logger: createLogger(service, 'error') })
      return {
        store: daprRawStore({ sidecar, component: `${service}-store` }),
        async close() {
          await sidecar.close()
          await stop()
        },
      }
    },
  }
}

/**
 * @param {string} url
 * @param {AppId} service
 * @returns {Place}
 */
function addressPlace(url, service) {
  const open = /^postgres(ql)?:\/\//.test(url)
    ? postgresRawStore
    : /^mongodb(\+srv)?:\/\//.test(url)
      ? mongoRawStore
      : undefined
  if (!open) throw new SetupError('An address of a store begins with postgres:// or mongodb://.')
  const name = `${service}_documents`
  return {
    ...addressRows(url, name),
    open: () => open(url, { name, logger: createLogger(service, 'error') }),
  }
}
