// The names by which the services find their components, and who may use which.
import { componentsOf, error, ofKind, warning } from './finding.mjs'

/** @import { Context, Finding, Resource, Rule } from './finding.mjs' */

/** @type {Rule} */
export const components = (resources, context) => {
  const stores = [...componentsOf(resources, 'state.'), ...ofKind(resources, 'DirectStore')]
  const brokers = componentsOf(resources, 'pubsub.')
  const { contracts, apps } = context
  const users = apps.filter((app) => app !== 'gateway')
  return [
    ...wrongNames(stores, Object.values(contracts.stores), 'a store'),
    ...wrongNames(brokers, [contracts.pubsub], 'a broker'),
    ...twice([...stores, ...brokers]),
    ...scopes(brokers, () => users, context),
    ...scopes(stores, (name) => users.filter((app) => contracts.stores[app] === name), context),
    ...lacking([...stores, ...brokers], context),
  ]
}

const nameOf = (/** @type {Resource} */ { document }) => String(document.metadata?.name)

/**
 * @param {readonly Resource[]} found
 * @param {readonly string[]} names
 * @param {string} kind
 */
const wrongNames = (found, names, kind) =>
  found
    .filter((one) => !names.includes(nameOf(one)))
    .map((one) =>
      error(
        one,
        ['metadata', 'name'],
        `no service knows ${kind} by the name "${nameOf(one)}"`,
        `name it ${names.join(', ').replace(/, ([^,]*)$/, ' or $1')}`,
      ),
    )

/** @param {readonly Resource[]} found */
const twice = (found) =>
  found
    .filter((one, index) => found.findIndex((other) => nameOf(other) === nameOf(one)) < index)
    .map((one) =>
      error(
        one,
        ['metadata', 'name'],
        `there is a second component "${nameOf(one)}", and which one counts is chance`,
        'take one folder of brokers/ and one of stores/',
      ),
    )

/**
 * @param {readonly Resource[]} found
 * @param {(name: string) => readonly string[]} usersOf
 * @param {Context} context
 * @returns {Finding[]}
 */
function scopes(found, usersOf, { apps }) {
  return found.flatMap((one) => {
    const users = usersOf(nameOf(one))
    const listed = /** @type {string[]} */ (one.document.scopes ?? [])
    if (users.length === 0) return []
    if (listed.length === 0) {
      return [
        error(
          one,
          ['metadata', 'name'],
          `${nameOf(one)} has no scopes: every app may use it`,
          `add scopes: ${users.join(', ')}`,
        ),
      ]
    }
    const without = users.filter((app) => !listed.includes(app))
    const more = listed.filter((app) => apps.includes(app) && !users.includes(app))
    return [
      ...(without.length > 0
        ? [
            error(
              one,
              ['scopes'],
              `${nameOf(one)} is closed to ${without.join(', ')}`,
              `add ${without.join(', ')} to its scopes`,
            ),
          ]
        : []),
      ...(more.length > 0
        ? [
            warning(
              one,
              ['scopes'],
              `${nameOf(one)} is open to ${more.join(', ')}, which does not need it`,
              `take ${more.join(', ')} out of its scopes`,
            ),
          ]
        : []),
    ]
  })
}

/**
 * @param {readonly Resource[]} found
 * @param {Context} context
 */
function lacking(found, { contracts, apps, where }) {
  const stores = apps.flatMap((app) => contracts.stores[app] ?? [])
  return [contracts.pubsub, ...stores]
    .filter((name) => !found.some((one) => nameOf(one) === name))
    .map((name) =>
      error(
        { file: where, document: {} },
        [],
        `there is no component "${name}"`,
        'add it: components/README.md tells what it is for',
      ),
    )
}
