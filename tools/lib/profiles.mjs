// A profile is one folder of components/brokers plus one of components/stores, and components/common.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { LineCounter, parseAllDocuments } from 'yaml'
import { isComponent } from './resources.mjs'
import { root } from './root.mjs'
import { SetupError } from './terminal.mjs'
import { lineOf } from './yaml-lines.mjs'

/** @typedef {{ broker: string, stores: string }} Profile */

/** @type {Record<string, Profile>} */
export const profiles = {
  embedded: { broker: 'mqtt', stores: 'postgres' },
  redis: { broker: 'redis', stores: 'redis' },
  reference: { broker: 'rabbitmq', stores: 'reference' },
}

const folders = (/** @type {string} */ kind) =>
  readdirSync(join(root, 'components', kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)

/**
 * @param {{ profile?: string | undefined, broker?: string | undefined, stores?: string | undefined }} wish
 * @returns {Profile}
 */
export function chooseProfile({ profile = 'embedded', broker, stores }) {
  const base = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined
  if (!base) {
    throw new SetupError(`There is no profile "${profile}". There are: ${Object.keys(profiles).join(', ')}.`)
  }
  const chosen = { broker: broker ?? base.broker, stores: stores ?? base.stores }
  for (const [kind, name] of /** @type {const} */ ([
    ['brokers', chosen.broker],
    ['stores', chosen.stores],
  ])) {
    if (!folders(kind).includes(name)) {
      throw new SetupError(
        `There is no folder components/${kind}/${name}. There are: ${folders(kind).join(', ')}.`,
      )
    }
  }
  return chosen
}

/** @param {Profile} profile */
export const resourcePaths = ({ broker, stores }) =>
  ['common', `brokers/${broker}`, `stores/${stores}`].map((path) => join(root, 'components', path))

/**
 * Every YAML document below the paths. A file that is not YAML ends the start here, with its line, instead of in one of
 * six logs.
 * @param {readonly string[]} paths
 * @returns {{ file: string, document: any, line: (path: readonly (string | number)[]) => number | undefined }[]}
 */
export function readResources(paths) {
  return paths.flatMap((path) =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => /\.ya?ml$/.test(entry.name) && !entry.isDirectory())
      .flatMap(({ name }) => readYaml(join(path, name))),
  )
}

/** @param {string} path */
export function readYaml(path) {
  const file = relative(root, path)
  const lines = new LineCounter()
  const documents = parseAllDocuments(readFileSync(path, 'utf8'), { lineCounter: lines })
  return [...documents].map((document) => {
    const error = document.errors[0]
    if (error) {
      const { line } = lines.linePos(error.pos[0])
      throw new SetupError(
        `${file} is not valid YAML in line ${line}: ${error.message.split('\n')[0]} Mend it and start again.`,
      )
    }
    return {
      file,
      document: document.toJS(),
      line: (/** @type {readonly (string | number)[]} */ path) => lineOf(document, lines, path),
    }
  })
}

/**
 * The secrets that the components refer to, with the file of one that does.
 * @param {readonly { file: string, document: any }[]} resources
 * @returns {Map<string, string>}
 */
export function requiredSecrets(resources) {
  const found = new Map()
  for (const { file, document } of resources) {
    if (!isComponent(document)) continue
    for (const item of document.spec?.metadata ?? []) {
      if (item?.secretKeyRef?.name) found.set(item.secretKeyRef.name, file)
    }
  }
  return found
}

/**
 * @param {readonly { file: string, document: any }[]} resources
 * @param {Readonly<Record<string, string>>} secrets
 */
export function demandSecrets(resources, secrets) {
  for (const [name, file] of requiredSecrets(resources)) {
    // An empty one says something, too: no endpoint of its own, say.
    if (secrets[name] === undefined) {
      throw new SetupError(
        `${file} needs the secret "${name}": add it to .data/secrets.json with the address of your server, then start again.`,
      )
    }
  }
}
