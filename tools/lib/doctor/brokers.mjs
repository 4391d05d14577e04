// The broker: settings with which it would lose events, or keep them from the replica or the app that should have them.
import { brokerDemands } from './broker-demands.mjs'
import { componentsOf, error, setting, warning } from './finding.mjs'

/**
 * @import { Demand } from './broker-demands.mjs'
 * @import { Component, Finding, Rule } from './finding.mjs'
 */

/** @type {Rule} */
export const brokers = (resources) =>
  componentsOf(resources, 'pubsub.').flatMap((component) => {
    if (component.type === 'pubsub.in-memory') {
      return [
        error(
          component,
          ['spec', 'type'],
          'pubsub.in-memory keeps events in one sidecar: nobody else gets them',
          'take a folder of components/brokers',
        ),
      ]
    }
    const known = brokerDemands[component.type]
    if (known) return [...known.flatMap((one) => demand(component, one)), ...groups(component)]
    return [
      warning(
        component,
        ['spec', 'type'],
        `${component.type} was never tried with Parley: its settings are not checked`,
        `take one of ${Object.keys(brokerDemands).join(', ')}, or try it as components/README.md says`,
      ),
    ]
  })

/**
 * @param {Component} component
 * @param {Demand} wanted
 * @returns {Finding[]}
 */
function demand(component, { field, byDefault = '', isRight, what, change, isWarning = false }) {
  const { value, isHidden, path } = setting(component, field)
  if (isHidden || isRight(value ?? byDefault, (other) => setting(component, other).value)) return []
  const is =
    value === undefined
      ? `${field} is missing${byDefault === '' ? '' : ` ("${byDefault}" by default)`}`
      : `${field} is "${value}"`
  return [
    (isWarning ? warning : error)(
      component,
      path,
      `${is}: ${what}`,
      change.replace(/^set it/, `set ${field}`),
    ),
  ]
}

/** The fields that say which sidecars share the events of a topic. @param {Component} component */
function groups(component) {
  return ['consumerID', 'consumerGroup', 'durableName', 'queueGroupName'].flatMap((field) => {
    const { value, path } = setting(component, field)
    if (!value) return []
    if (/\{(uuid|podName)\}/.test(value)) {
      return [
        error(
          component,
          path,
          `${field} is "${value}": each replica gets every event, and none of those that came while it was away`,
          `set ${field} to "{appID}"`,
        ),
      ]
    }
    if (value.includes('{appID}') || component.document.scopes?.length === 1) return []
    return [
      error(
        component,
        path,
        `${field} is "${value}" for every app: an event reaches only one of them`,
        `set ${field} to "{appID}"`,
      ),
    ]
  })
}
