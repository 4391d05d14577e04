// A real profile with a fault in it, for the tests of the doctor.
import assert from 'node:assert/strict'
import { contracts } from '../lib/doctor/contracts.mjs'
import { diagnose } from '../lib/doctor/diagnose.mjs'
import { profileSets } from '../lib/doctor/sets.mjs'

/** @import { ResourceSet } from '../lib/doctor/diagnose.mjs' */

export const context = { contracts, secrets: /** @type {Record<string, string>} */ ({}) }

/**
 * @typedef {Record<string, any> & { metadata: any, spec: any }} Document
 * @typedef {(documents: { all: Document[], broker: Document, store: (app: string) => Document, policy: Document,
 *   subscription: (name: string) => Document, configuration: Document, secrets: Document }) => void} Plant
 */

/**
 * A real profile with a fault in it.
 * @param {{ broker?: string | undefined, stores?: string | undefined }} wish
 * @param {Plant} plant
 * @returns {ResourceSet[]}
 */
export function planted(wish, plant) {
  const [set] = profileSets(wish)
  assert.ok(set)
  const resources = set.resources.map((one) => ({ ...one, document: structuredClone(one.document) }))
  const all = resources.map(({ document }) => document)
  const named = (/** @type {string} */ name) => {
    const found = all.find(({ metadata }) => metadata?.name === name)
    assert.ok(found, name)
    return found
  }
  plant({
    all,
    broker: named('pubsub'),
    store: (app) => named(`${app}-store`),
    policy: named('delivery'),
    subscription: named,
    configuration: named('parley'),
    secrets: named('secrets'),
  })
  return [
    {
      ...set,
      resources: [
        ...resources,
        ...all.slice(resources.length).map((document) => ({ file: 'added', document })),
      ],
    },
  ]
}

/** @param {Document} component @param {string} name @param {unknown} value none to remove it */
export function set({ spec }, name, value) {
  spec.metadata = spec.metadata.filter((/** @type {any} */ item) => item.name !== name)
  if (value !== undefined) spec.metadata.push({ name, value })
}

/** @param {import('../lib/doctor/finding.mjs').Finding[]} found */
export const short = (found) => found.map(({ severity, what }) => `${severity}: ${what}`)

/**
 * Nothing but what is planted, so that a fault does not hide in others.
 * @param {{ broker?: string | undefined, stores?: string | undefined }} wish
 * @param {Plant} plant
 * @param {readonly RegExp[]} expected
 */
export function finds(wish, plant, expected) {
  const found = diagnose(planted(wish, plant), context)
  assert.equal(found.length, expected.length, short(found).join('\n'))
  for (const pattern of expected) {
    assert.ok(
      short(found).some((text) => pattern.test(text)),
      `${pattern}\n${short(found).join('\n')}`,
    )
  }
  for (const { file, change } of found) assert.ok(file && change)
}

/** @param {Document} document @param {string} type @param {string} [version] */
export function become({ spec }, type, version = 'v1') {
  Object.assign(spec, { type, version })
}

/** @param {Document} store @param {string} connectionString */
export function sqlite(store, connectionString) {
  become(store, 'state.sqlite')
  store.spec.metadata = [
    { name: 'connectionString', value: connectionString },
    { name: 'keyPrefix', value: 'none' },
  ]
}

/** @param {Document} store @param {Record<string, string>} more */
export function mongo(store, more) {
  become(store, 'state.mongodb')
  const all = { host: 'db:27017', keyPrefix: 'none', ...more }
  store.spec.metadata = Object.entries(all).map(([name, value]) => ({ name, value }))
}

/** What it is then needs nothing and gives nothing. @param {Document[]} all @param {Document} one */
export function remove(all, one) {
  Object.assign(one, { kind: 'HTTPEndpoint', apiVersion: 'dapr.io/v1alpha1', spec: {} })
  assert.ok(all.includes(one))
}

/** @param {Document} component @param {string} name @param {string} from @param {string} to */
export function change(component, name, from, to) {
  const item = component.spec.metadata.find((/** @type {any} */ one) => one.name === name)
  assert.ok(item.value.includes(from))
  item.value = item.value.replace(from, to)
}
