// What is asked of a cluster, and waited for.
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {string} namespace
 * @param {string} selector
 */
export async function podOf(cluster, namespace, selector) {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`
  const { body } = await eventually(
    () => cluster.call('GET', path),
    ({ body }) => body.items?.length > 0,
    `a pod with ${selector}`,
  )
  return body.items[0]
}

/**
 * @template T
 * @param {() => Promise<T>} look
 * @param {(found: T) => boolean} isThere
 * @param {string} what
 * @returns {Promise<T>}
 */
export async function eventually(look, isThere, what, withinMs = 90_000) {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (isThere(found)) return found
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1000} s: ${what}`)
    await sleep(100)
  }
}

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {readonly object[]} manifests
 */
export const apply = (cluster, manifests) =>
  must(cluster, ['apply', '--server-side', '--validate=strict', '-f', '-'], manifests)

/**
 * @param {import('./api-server.mjs').Cluster} cluster
 * @param {readonly string[]} args
 * @param {readonly object[]} [manifests]
 */
export async function must(cluster, args, manifests) {
  const { code, output } = await cluster.kubectl(args, manifests)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}:\n${output}`)
  return output
}
