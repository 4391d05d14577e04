// What the rules need of the contracts, which are compiled by now.
import { componentNames, deadLetterTopic, events } from '@parley/contracts'
import { eventPath } from '@parley/kit'

/** @type {import('./finding.mjs').Contracts} */
export const contracts = {
  ...componentNames,
  events,
  eventPath,
  deadLetterTopic: (app) => deadLetterTopic(/** @type {import('@parley/contracts').AppId} */ (app)),
}
