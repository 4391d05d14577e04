// Documents that Dapr cannot read into what it expects: it passes over the whole of each, with a line in the log.
import { treeOf } from './fields.mjs'
import { error } from './finding.mjs'

/** @import { Finding, Path, Resource } from './finding.mjs' */

const isMap = (/** @type {unknown} */ value) =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** @param {Resource} one @returns {Finding[]} none where the other rules may rely on its shape */
export function misshapen(one) {
  const { document } = one
  if (!isMap(document)) {
    return [wrong(one, [], 'it', 'a map with apiVersion, kind, metadata and spec')]
  }
  if (!isMap(document.metadata ?? {})) return [wrong(one, ['metadata'], 'metadata', 'a map with a name')]
  return below(one, document, treeOf(document), [])
}

/**
 * @param {Resource} one
 * @param {any} value
 * @param {any} tree as in fields.json
 * @param {Path} path
 * @returns {Finding[]}
 */
function below(one, value, tree, path) {
  if (value === null || value === undefined || !tree) return []
  const must = (/** @type {string} */ what) => [wrong(one, path, path.join('.'), what)]
  if (Array.isArray(tree)) {
    if (!Array.isArray(value)) return must('a list')
    return value.flatMap((inner, index) => below(one, inner, tree[0], [...path, index]))
  }
  if (tree === 'value') return typeof value === 'object' ? must('a single value') : []
  if (!isMap(value)) return must(`a map${tree['*'] ? '' : ` of ${Object.keys(tree).join(', ')}`}`)
  return Object.entries(value).flatMap(([key, inner]) =>
    below(one, inner, tree[key] ?? tree['*'], [...path, key]),
  )
}

/**
 * @param {Resource} one
 * @param {Path} path
 * @param {string} name
 * @param {string} what
 */
const wrong = (one, path, name, what) =>
  error(one, path, `${name} is not ${what}: Dapr passes over the whole document`, `make it ${what}`)
