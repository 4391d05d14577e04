// What a rule of the doctor gets and gives.

/**
 * @typedef {(string | number)[]} Path
 * @typedef {{ file: string, document: any, line?: (path: readonly (string | number)[]) => number | undefined }} Resource
 * @typedef {object} Finding
 * @property {string} file
 * @property {number | undefined} line
 * @property {'error' | 'warning'} severity
 * @property {string} what
 * @property {string} change
 *
 * @typedef {object} Contracts
 * @property {string} pubsub
 * @property {string} secrets
 * @property {Readonly<Record<string, string>>} stores component by app
 * @property {readonly { topic: string, publishers: readonly string[], subscribers: readonly string[] }[]} events
 * @property {(app: string) => string} deadLetterTopic
 * @property {(topic: string) => string} eventPath
 *
 * @typedef {object} Context
 * @property {Contracts} contracts
 * @property {readonly string[]} apps those that have these resources
 * @property {string} where the folders, for what is in none of their files
 * @property {ReadonlySet<string>} heard the topics that an app with other resources subscribes to
 * @property {Readonly<Record<string, string>>} secrets those of this machine; none where they are elsewhere
 *
 * @typedef {(resources: readonly Resource[], context: Context) => Finding[]} Rule
 */

const of =
  (/** @type {Finding['severity']} */ severity) =>
  /**
   * @param {Resource} resource
   * @param {Path} path of what is wrong in the document
   * @param {string} what
   * @param {string} change
   * @returns {Finding}
   */
  ({ file, line }, path, what, change) => ({ file, line: line?.(path), severity, what, change })

export const error = of('error')
export const warning = of('warning')

/** @typedef {Resource & { name: string, type: string, version: string }} Component */

/**
 * @param {readonly Resource[]} resources
 * @param {string} prefix of the type, such as `state.`
 * @returns {Component[]}
 */
export const componentsOf = (resources, prefix) =>
  ofKind(resources, 'Component')
    .map((one) => ({
      ...one,
      name: String(one.document.metadata?.name),
      type: String(one.document.spec?.type ?? ''),
      // Dapr takes none for the first.
      version: String(one.document.spec?.version || 'v1'),
    }))
    .filter(({ type }) => type.startsWith(prefix))

export const ofKind = (/** @type {readonly Resource[]} */ resources, /** @type {string} */ kind) =>
  resources.filter(({ document }) => document?.kind === kind)

export const metadataOf = (/** @type {Resource} */ { document }) =>
  /** @type {any[]} */ (Array.isArray(document?.spec?.metadata) ? document.spec.metadata : [])

/** Dapr reads these two as they are written, and all others in whatever case. */
const asWritten = ['initialOffset', 'concurrencyMode']

/**
 * What a component's metadata says of a field. It is hidden where it is a secret whose value is not at hand.
 * @param {Resource} resource
 * @param {string} name
 * @param {Readonly<Record<string, string>>} [secrets]
 * @returns {{ value: string | undefined, isHidden: boolean, path: Path }}
 */
export function setting(resource, name, secrets = {}) {
  const isIt = (/** @type {any} */ item) =>
    asWritten.includes(name) ? item?.name === name : String(item?.name).toLowerCase() === name.toLowerCase()
  const list = metadataOf(resource)
  const index = list.findIndex(isIt)
  const item = list[index]
  if (!item) return { value: undefined, isHidden: false, path: ['spec', 'metadata'] }
  const path = ['spec', 'metadata', index]
  const secret = item.secretKeyRef?.name
  const value = secret ? secrets[secret] : (item.value ?? undefined)
  return {
    value: value === undefined ? undefined : String(value),
    isHidden: Boolean(secret || item.envRef),
    path,
  }
}

/** As Dapr reads a boolean (kit/strings). */
export const isTrue = (/** @type {string | undefined} */ value) =>
  ['y', 'yes', 'true', 't', 'on', '1'].includes(String(value).trim().toLowerCase())

/**
 * A Go duration in seconds; Dapr takes a number alone for milliseconds. NaN where it is neither.
 * @param {unknown} text
 */
export function seconds(text) {
  const value = String(text).trim()
  if (/^\d+$/.test(value)) return Number(value) / 1000
  const units = /** @type {Record<string, number>} */ ({
    ms: 0.001,
    s: 1,
    m: 60,
    h: 3600,
    us: 1e-6,
    ns: 1e-9,
  })
  const parts = [...value.matchAll(/([\d.]+)(ms|us|ns|h|m|s)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== value) return Number.NaN
  return parts.reduce((sum, [, count, name = '']) => sum + Number(count) * Number(units[name]), 0)
}
