// Which keys are whose: several services may share a store, and each knows its own families.
import { componentNames } from '@parley/contracts'
import { definedFamilies } from '@parley/kit'
import { SetupError } from '../lib/terminal.mjs'

/** @typedef {keyof typeof componentNames.stores} Service */

/**
 * @param {string} wish
 * @returns {Service}
 */
export function serviceOf(wish) {
  const services = /** @type {Service[]} */ (Object.keys(componentNames.stores))
  const found = services.find((name) => name === wish)
  if (!found)
    throw new SetupError(
      `There is no service "${wish}" that keeps something. There are: ${services.join(', ')}.`,
    )
  return found
}

/** A service declares its families where its modules are loaded; nothing else happens then. */
export async function familiesOf(/** @type {Service} */ service) {
  const before = new Set(definedFamilies().keys())
  await import(`@parley/${service}`)
  return new Map([...definedFamilies()].filter(([prefix]) => !before.has(prefix)))
}
