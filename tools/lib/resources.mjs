// What daprd would only say in one of six logs, or not at all: it passes over a document of a kind that it does not know,
// and over a component that is not for its app.
import { SetupError } from './terminal.mjs'

const kinds = ['Component', 'Configuration', 'Subscription', 'Resiliency', 'HTTPEndpoint']
/** Of our own kind in the place of a store's component: its service speaks to the server itself. */
const directStore = 'DirectStore'

export const isComponent = (/** @type {any} */ document) =>
  ['Component', directStore].includes(document?.kind)

/**
 * @typedef {{ file: string, document: any }} Resource
 * @typedef {{ name: string, app: string }} Need
 */

/** @returns {Promise<Need[]>} by the contracts, which are compiled by now */
export async function neededComponents() {
  const { componentNames, serviceIds } = await import('@parley/contracts')
  const stores = Object.entries(componentNames.stores).map(([app, name]) => ({ name, app }))
  const shared = [componentNames.pubsub, componentNames.secrets]
  const users = serviceIds
  return [...shared.flatMap((name) => users.map((app) => ({ name, app }))), ...stores]
}

/**
 * @param {readonly Resource[]} resources
 * @param {readonly Need[]} needs
 */
export function demandComponents(resources, needs) {
  for (const { file, document } of resources) {
    if (![...kinds, directStore].includes(document?.kind)) {
      throw new SetupError(
        `${file} has the kind "${document?.kind}", which Dapr does not know (it knows ${kinds.join(', ')}). Mend it and start again.`,
      )
    }
  }
  for (const { name, app } of needs) {
    const found = resources.find(({ document }) => isComponent(document) && document.metadata?.name === name)
    if (!found) {
      throw new SetupError(
        `There is no component "${name}" among the files of this profile, and ${app} needs it: see components/README.md for what a profile has.`,
      )
    }
    const { scopes } = found.document
    if (scopes?.length > 0 && !scopes.includes(app)) {
      throw new SetupError(`${found.file} does not let ${app} use it: add ${app} to its scopes.`)
    }
  }
}
