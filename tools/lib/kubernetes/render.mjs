// Kustomize, as kubectl has it.
import { spawnSync } from 'node:child_process'
import { parseAllDocuments } from 'yaml'
import { root } from '../root.mjs'
import { SetupError } from '../terminal.mjs'

/**
 * @param {string} kubectl
 * @param {string} directory from the root of the repository, or absolute
 * @returns {any[]} the manifests
 */
export function render(kubectl, directory) {
  const { status, stdout, stderr } = spawnSync(kubectl, ['kustomize', directory], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) throw new SetupError(`kubectl kustomize ${directory} failed:\n${stderr.trim()}`)
  return parseAllDocuments(stdout).map((document) => document.toJS({ maxAliasCount: -1 }))
}
