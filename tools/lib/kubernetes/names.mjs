// Where the manifests are, and where they go. Built-ins only.
import { join } from 'node:path'

export const namespace = 'parley'

/** From the root of the repository. */
export const overlay = (/** @type {string} */ name) => join('k8s/overlays', name)
