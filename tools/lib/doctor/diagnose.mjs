// All rules over what the apps of one system have.
import { brokers } from './brokers.mjs'
import { components } from './components.mjs'
import { unknownFields } from './fields.mjs'
import { ofKind } from './finding.mjs'
import { resiliency } from './resiliency.mjs'
import { secrets } from './secrets.mjs'
import { misshapen } from './shapes.mjs'
import { stores } from './stores.mjs'
import { subscriptions } from './subscriptions.mjs'

/**
 * @import { Contracts, Finding, Resource, Rule } from './finding.mjs'
 * @typedef {{ where: string, apps: readonly string[], resources: readonly Resource[] }} ResourceSet
 */

/** @type {readonly Rule[]} */
const rules = [components, brokers, stores, resiliency, subscriptions, secrets, unknownFields]

/**
 * @param {readonly ResourceSet[]} sets one for all apps, as a rule; more where an app has folders of its own
 * @param {{ contracts: Contracts, secrets: Readonly<Record<string, string>> }} context
 * @returns {Finding[]}
 */
export function diagnose(sets, context) {
  // A file may have a document with comments only.
  const documents = sets.flatMap(({ resources }) => resources).filter(({ document }) => document !== null)
  const wrong = new Map(documents.map((one) => [one, misshapen(one)]))
  const read = sets.map((set) => ({
    ...set,
    resources: set.resources.filter((one) => wrong.get(one)?.length === 0),
  }))
  const heard = new Set(read.flatMap(heardIn))
  const found = read.flatMap(({ where, apps, resources }) =>
    rules.flatMap((rule) => rule(resources, { ...context, where, apps, heard })),
  )
  return unique([...[...wrong.values()].flat(), ...found])
}

/** @param {ResourceSet} set */
const heardIn = ({ apps, resources }) =>
  ofKind(resources, 'Subscription')
    .filter(({ document }) => document.scopes?.some((/** @type {string} */ app) => apps.includes(app)))
    .map(({ document }) => String(document.spec?.topic))

/**
 * Each once, by file and line.
 * @param {readonly Finding[]} found
 */
export function unique(found) {
  const byText = new Map(found.map((one) => [`${one.file}:${one.line ?? ''} ${one.what}`, one]))
  return [...byText.values()].sort(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || (a.line ?? 0) - (b.line ?? 0),
  )
}
