// What is to be looked at: the folders that dapr.yaml names, one profile, or every folder of the repository.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { appIds } from '@parley/contracts'
import { chooseProfile, readResources, readYaml, resourcePaths } from '../profiles.mjs'
import { root } from '../root.mjs'
import { SetupError } from '../terminal.mjs'

/** @import { ResourceSet } from './diagnose.mjs' */

/**
 * @param {readonly string[]} paths
 * @param {readonly string[]} apps
 * @returns {ResourceSet}
 */
const setOf = (paths, apps) => ({
  where: paths.map((path) => relative(process.cwd(), path) || '.').join(', '),
  apps,
  resources: readResources(paths),
})

/** @param {Parameters<typeof chooseProfile>[0]} wish */
export const profileSets = (wish) => [setOf(resourcePaths(chooseProfile(wish)), appIds)]

/** Every broker with every set of stores: each is a system. */
export const allSets = () =>
  foldersOf('brokers').flatMap((broker) =>
    foldersOf('stores').map((stores) => [setOf(resourcePaths({ broker, stores }), appIds)]),
  )

/** @param {'brokers' | 'stores'} kind */
export const foldersOf = (kind) =>
  readdirSync(join(root, 'components', kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

/**
 * As `dapr run -f` reads them: an app's own list replaces the common one.
 * @param {string} file
 * @returns {ResourceSet[]}
 */
export function runFileSets(file) {
  if (!existsSync(file)) throw new SetupError(`There is no ${file}.`)
  const content = readYaml(file)[0]?.document
  if (!Array.isArray(content?.apps)) throw new SetupError(`${file} has no list of apps.`)
  const base = dirname(file)
  /** @type {Map<string, { paths: string[], apps: string[] }>} */
  const lists = new Map()
  for (const app of content.apps) {
    const own = listOf(app, resolve(base, app?.appDirPath ?? '.'))
    const paths = own.length > 0 ? own : listOf(content.common, base)
    const missing = paths.find((path) => !statSync(path, { throwIfNoEntry: false })?.isDirectory())
    if (missing) throw new SetupError(`${file} names ${missing} in resourcesPaths, which is no folder.`)
    const list = lists.get(paths.join()) ?? { paths, apps: [] }
    list.apps.push(String(app?.appID))
    lists.set(paths.join(), list)
  }
  return [...lists.values()].map(({ paths, apps }) => setOf(paths, apps))
}

/**
 * @param {any} section
 * @param {string} base
 * @returns {string[]}
 */
const listOf = (section, base) =>
  [section?.resourcesPaths, section?.resourcesPath]
    .flat()
    .filter(Boolean)
    .map((/** @type {string} */ path) => resolve(base, path))
