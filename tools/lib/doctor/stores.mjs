// The state stores: without create-if-absent, ETags or durable writes an acknowledged message could be lost or doubled.
// What a field means, and its default, was read in components-contrib 1.18.

import { fields } from './fields.mjs'
import { componentsOf, error, setting, warning } from './finding.mjs'

/** @import { Component, Context, Finding, Rule } from './finding.mjs' */

/** They pass the contract test of the document store. */
const supported = ['state.postgresql/v2', 'state.redis/v1', 'state.sqlite/v1', 'state.mongodb/v1']
/** Read in their source: a create that must not overwrite is refused with an error, also where nothing is there. */
const withoutCreate = ['state.azure.blobstorage', 'state.oci.objectstorage']

/** @type {Record<string, (component: Component, context: Context) => Finding[]>} */
const rules = {
  'state.postgresql': postgres,
  'state.redis': redis,
  'state.sqlite': sqlite,
  'state.mongodb': mongodb,
}

/** @type {Rule} */
export const stores = (resources, context) =>
  componentsOf(resources, 'state.').flatMap((component) => [
    ...kindOfStore(component),
    ...prefix(component),
    ...(rules[component.type]?.(component, context) ?? []),
  ])

/** @param {Component} component */
function kindOfStore(component) {
  const { type, version } = component
  const id = `${type}/${version}`
  const change = `take one of ${supported.join(', ')}`
  if (supported.includes(id)) return []
  if (type === 'state.in-memory') {
    return [error(component, ['spec', 'type'], `${type} forgets everything when its sidecar ends`, change)]
  }
  if (fields.withoutEtags.includes(id)) {
    return [
      error(
        component,
        ['spec', 'type'],
        `${type} has no ETags: two writers would overwrite each other`,
        change,
      ),
    ]
  }
  if (withoutCreate.includes(type)) {
    return [error(component, ['spec', 'type'], `${type} cannot create a key only if it is absent`, change)]
  }
  return [
    warning(
      component,
      ['spec', 'type'],
      `${type} ${version} was never tried with Parley`,
      `${change}, or run the contract test against it: components/README.md, "Add a broker or a store"`,
    ),
  ]
}

/** @param {Component} component */
function prefix(component) {
  const { value, isHidden, path } = setting(component, 'keyPrefix')
  if (isHidden || value === 'none') return []
  const is = value === undefined ? 'keyPrefix is missing' : `keyPrefix is "${value}"`
  return [
    error(
      component,
      path,
      `${is}: keys would be others than in every other store`,
      'set keyPrefix to "none"',
    ),
  ]
}

/**
 * @param {Component} component
 * @param {Context} context
 */
function postgres(component, { secrets }) {
  const { value: address = '', path } = setting(component, 'connectionString', secrets)
  const conns = setting(component, 'maxConns')
  return [
    ...(/synchronous_commit(\s*=\s*|%3D)'?(off|local|0|false|no)\b/i.test(address)
      ? [
          error(
            component,
            path,
            'the connection string turns synchronous_commit off: what was acknowledged may be lost',
            'take synchronous_commit out of it',
          ),
        ]
      : []),
    ...(conns.isHidden || Number(conns.value ?? 4) >= 16
      ? []
      : [
          warning(
            component,
            conns.path,
            `maxConns is ${conns.value ?? 'missing (about 4 by default)'}: a bulk save waits for itself`,
            'set maxConns to "16"',
          ),
        ]),
  ]
}

/** @param {Component} component */
function redis(component) {
  const own = setting(component, 'redisMaxRetries')
  const { value, isHidden, path } = own.value ? own : setting(component, 'maxRetries')
  if (isHidden || value === '-1') return []
  return [
    error(
      component,
      path,
      `redisMaxRetries is ${value === undefined ? 'missing (3 by default)' : `"${value}"${value === '0' ? ', which the client takes for its default, 3' : ''}`}: a retried create conflicts with itself`,
      'set redisMaxRetries to "-1"',
    ),
  ]
}

/**
 * @param {Component} component
 * @param {Context} context
 */
function sqlite(component, { secrets }) {
  const { value = '', path } = setting(component, 'connectionString', secrets)
  return [
    ...(/:memory:|mode=memory/i.test(value)
      ? [
          error(
            component,
            path,
            'the database is in memory: its sidecar takes it along when it ends',
            'name a file',
          ),
        ]
      : []),
    ...(/synchronous[(=]\s*(0|off)\b/i.test(value)
      ? [
          error(
            component,
            path,
            'the connection string turns synchronous off: what was acknowledged may be lost',
            'take synchronous out of it',
          ),
        ]
      : []),
  ]
}

/**
 * Dapr sets `j: true` itself, and puts its two concerns above those of the connection string.
 * @param {Component} component
 * @param {Context} context
 */
function mongodb(component, { secrets }) {
  const write = setting(component, 'writeconcern')
  const read = setting(component, 'readconcern')
  const places = ['connectionString', 'params'].map((name) => setting(component, name, secrets))
  return [
    ...(write.isHidden || write.value === 'majority'
      ? []
      : [
          error(
            component,
            write.path,
            `writeconcern is ${write.value ? `"${write.value}"` : 'missing (1 by default)'}: what one server has acknowledged may be rolled back`,
            'set writeconcern to "majority"',
          ),
        ]),
    ...(read.isHidden || ['majority', 'linearizable'].includes(read.value ?? '')
      ? []
      : [
          warning(
            component,
            read.path,
            `readconcern is ${read.value ? `"${read.value}"` : 'missing ("local" by default)'}: what is read may still be rolled back`,
            'set readconcern to "majority"',
          ),
        ]),
    ...places
      .filter(({ value }) => /readPreference=(?!primary(&|$))/i.test(value ?? ''))
      .map(({ path }) =>
        error(
          component,
          path,
          'readPreference is not primary: a read may miss what was written before it',
          'take readPreference out of it',
        ),
      ),
  ]
}
