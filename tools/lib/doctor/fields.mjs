// Fields that Dapr does not know: it passes over them without a word, and the setting is not in force.
import { readFileSync } from 'node:fs'
import { componentsOf, error, metadataOf, warning } from './finding.mjs'

/** @import { Component, Finding, Path, Resource, Rule } from './finding.mjs' */

/**
 * By write-fields.mjs from Dapr's sources.
 * @type {{ from: Record<string, string>, documents: Record<string, unknown>, components: Record<string, { fields: string[], secret: string[] }>, withoutEtags: string[] }}
 */
export const fields = JSON.parse(readFileSync(new URL('./fields.json', import.meta.url), 'utf8'))

/** Our own kind: tools/lib/resources.mjs. */
const directStore = {
  apiVersion: 'value',
  kind: 'value',
  metadata: null,
  scopes: ['value'],
  spec: { metadata: [{ name: 'value', secretKeyRef: { name: 'value', key: 'value' } }] },
}
const trees = /** @type {Record<string, unknown>} */ ({
  ...fields.documents,
  'parley.invalid/v1 DirectStore': directStore,
})

/** What a document may have; undefined where its kind is not known. @param {any} document */
export const treeOf = ({ apiVersion, kind }) =>
  trees[`${apiVersion} ${kind}`] ?? trees[Object.keys(trees).find((name) => name.endsWith(` ${kind}`)) ?? '']

/** @type {Rule} */
export const unknownFields = (resources) => [
  ...resources.flatMap(documents),
  ...componentsOf(resources, '').flatMap(metadata),
]

/** @param {Resource} one @returns {Finding[]} */
function documents(one) {
  const { apiVersion, kind } = one.document
  const tree = trees[`${apiVersion} ${kind}`]
  if (tree) return below(one, one.document, tree, [])
  const versions = Object.keys(trees)
    .filter((name) => name.endsWith(` ${kind}`))
    .map((name) => name.split(' ')[0])
  if (versions.length === 0) {
    const kinds = [...new Set(Object.keys(trees).map((name) => name.split(' ')[1]))].join(', ')
    return [
      error(
        one,
        ['kind'],
        `${kind === undefined ? 'it has no kind' : `Dapr has no kind "${kind}"`}, so Dapr passes over the document`,
        `take one of ${kinds}, or keep the file elsewhere`,
      ),
    ]
  }
  return [
    error(
      one,
      ['apiVersion'],
      `Dapr has no ${kind} of "${apiVersion}" and passes over the document`,
      `set apiVersion to ${versions.join(' or ')}`,
    ),
  ]
}

/**
 * @param {Resource} one
 * @param {any} value
 * @param {any} tree
 * @param {Path} path
 * @returns {Finding[]}
 */
function below(one, value, tree, path) {
  if (!tree || tree === 'value' || !value) return []
  if (Array.isArray(tree)) {
    return value.flatMap((/** @type {unknown} */ inner, /** @type {number} */ index) =>
      below(one, inner, tree[0], [...path, index]),
    )
  }
  return Object.entries(value).flatMap(([key, inner]) => {
    // Go reads names in whatever case.
    const known = Object.keys(tree).find((name) => name === '*' || name.toLowerCase() === key.toLowerCase())
    if (known) return below(one, inner, tree[known], [...path, key])
    const place = path.length > 0 ? ` in ${path.join('.')}` : ''
    return [
      error(
        one,
        [...path, key],
        `"${key}"${place} is no field of a ${one.document.kind}: Dapr passes over it`,
        instead(key, Object.keys(tree)),
      ),
    ]
  })
}

/** @param {Component} component @returns {Finding[]} */
function metadata(component) {
  const { type, version } = component
  if (type === '') {
    return [error(component, ['spec'], 'it has no spec.type: Dapr cannot tell what it is', 'add spec.type')]
  }
  const known = fields.components[`${type}/${version}`]?.fields
  if (!known) {
    return [
      warning(
        component,
        ['spec', 'type'],
        `the fields of ${type} ${version} are not known here and were not checked`,
        "compare them with Dapr's documentation, or add the type to tools/lib/doctor/write-fields.mjs",
      ),
    ]
  }
  const names = known.map((name) => name.toLowerCase())
  return metadataOf(component).flatMap((item, index) => {
    const path = ['spec', 'metadata', index]
    if (!item?.name) return [error(component, path, 'this entry has no name', 'remove it, or name a field')]
    const name = String(item.name)
    if (names.includes(name.toLowerCase())) return []
    return [
      error(component, path, `${type} has no field "${name}": Dapr passes over it`, instead(name, known)),
    ]
  })
}

/**
 * @param {string} wrong
 * @param {readonly string[]} known
 */
function instead(wrong, known) {
  const near = known
    .map((name) => ({ name, away: distance(wrong.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.away - b.away)[0]
  return near && near.away <= Math.max(2, wrong.length / 3)
    ? `remove it, or did you mean "${near.name}"?`
    : 'remove it'
}

/** Levenshtein's. @param {string} a @param {string} b */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = Number(row[j - 1]) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, Number(row[j]) + 1, Number(next[j - 1]) + 1))
    }
    row = next
  }
  return Number(row[b.length])
}
