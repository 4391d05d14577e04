// Passwords, tokens and addresses with a password belong into the secret store, never into a file of the repository.

import { fields } from './fields.mjs'
import { componentsOf, error, metadataOf, ofKind } from './finding.mjs'

/** @import { Context, Finding, Path, Resource, Rule } from './finding.mjs' */

/** @type {Rule} */
export const secrets = (resources, context) => [
  ...resources.flatMap((one) => [...credentials(one), ...inClear(one)]),
  ...[...componentsOf(resources, ''), ...ofKind(resources, 'HTTPEndpoint')].flatMap((one) => store(one)),
  ...known(resources, context),
]

const byName =
  /(password|passphrase|secret|secretKey|token|api_?key|access_?key|private_?key|client_?key|encryptionKey|seedKey|jwt)$/i
/** Their text tells whether there is a secret in it. */
const isAddress = (/** @type {string} */ name) => /url|uri|host|connectionString|clientCert/i.test(name)
const hasCredentials = (/** @type {string} */ text) =>
  /^[a-z][a-z0-9+.-]*:\/\/[^\s/@]*:[^\s/@]+@/i.test(text.trim()) ||
  /\b(password|pwd|accountkey|sharedaccesskey)\s*=\s*[^\s;]/i.test(text) ||
  /[?&](password|token|secret|api_?key)=[^&\s]/i.test(text) ||
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)

const change = 'put it into the secret store and refer to it by secretKeyRef'

/**
 * Anywhere in a document.
 * @param {Resource} one
 * @returns {Finding[]}
 */
const credentials = (one) =>
  textsIn(one.document, [])
    .filter(({ text }) => hasCredentials(text))
    .map(({ path }) =>
      error(one, path, 'an address or a text with a password or key stands here in clear', change),
    )

/**
 * @param {unknown} value
 * @param {Path} path
 * @returns {{ text: string, path: Path }[]}
 */
function textsIn(value, path) {
  if (typeof value === 'string') return [{ text: value, path }]
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) =>
    textsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]),
  )
}

/** By the name of the field. @param {Resource} one */
function inClear(one) {
  const { type, version } = one.document?.spec ?? {}
  const listed = fields.components[`${type}/${version || 'v1'}`]?.secret ?? []
  return metadataOf(one).flatMap((item, index) => {
    const [name, value] = [String(item?.name), String(item?.value ?? '')]
    const isSecret = (listed.includes(name) || byName.test(name)) && !isAddress(name)
    if (!isSecret || value === '' || hasCredentials(value)) return []
    return [error(one, ['spec', 'metadata', index], `${name} stands here in clear`, change)]
  })
}

/** Without auth.secretStore, Dapr finds no secret outside of Kubernetes. @param {Resource} one */
function store(one) {
  const refers = metadataOf(one).some((item) => item?.secretKeyRef)
  if (!refers || one.document.auth?.secretStore) return []
  return [
    error(
      one,
      ['spec', 'metadata'],
      `${one.document.metadata?.name} refers to secrets but names no secret store: Dapr leaves them empty`,
      'add auth: { secretStore: secrets }',
    ),
  ]
}

/**
 * @param {readonly Resource[]} resources
 * @param {Context} context
 * @returns {Finding[]}
 */
function known(resources, { contracts, where }) {
  const names = componentsOf(resources, 'secretstores.').map(({ name }) => name)
  const wanted = resources.filter(({ document }) => document?.auth?.secretStore)
  return [
    ...wanted
      .filter(
        ({ document }) =>
          !names.includes(document.auth.secretStore) && document.auth.secretStore !== 'kubernetes',
      )
      .map((one) =>
        error(
          one,
          ['auth', 'secretStore'],
          `there is no secret store "${one.document.auth.secretStore}"`,
          `name ${names.join(' or ') || contracts.secrets}`,
        ),
      ),
    ...(names.includes(contracts.secrets)
      ? []
      : [
          error(
            { file: where, document: {} },
            [],
            `there is no secret store "${contracts.secrets}", which every service asks for its secrets`,
            'add components/common/secrets.yaml, or a store of your own by that name',
          ),
        ]),
  ]
}
