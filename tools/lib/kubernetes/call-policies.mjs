// Who may call what of an app, for its sidecar's access control list. Dapr matches an operation as a prefix, without regard
// to its case; the app itself decides about the rest of the path.
import { namespace } from './names.mjs'

/** Public routes that an app calls itself: who, and the path. What is internal names its callers in the contract. */
const ownCalls = [
  { path: '/api/auth/.well-known/jwks.json', callers: ['messages', 'presence', 'notifications'] },
  { path: '/readyz', callers: ['auth'] },
]

/** @typedef {{ app: string, method: string, path: string, access: 'public' | 'user' | readonly string[] }} Route */

/**
 * @param {string} app
 * @param {readonly Route[]} routes of all apps
 * @returns {object[]} a policy per caller
 */
export function callPolicies(app, routes) {
  /** @type {Map<string, Map<string, Set<string>>>} */
  const callers = new Map()
  const allow = (/** @type {string} */ caller, /** @type {string} */ path, /** @type {string} */ verb) => {
    if (caller === app) return
    const paths = callers.get(caller) ?? new Map()
    callers.set(caller, paths.set(path, (paths.get(path) ?? new Set()).add(verb)))
  }
  for (const { method, path, access } of routes.filter((route) => route.app === app)) {
    if (typeof access !== 'string') for (const caller of access) allow(caller, path, method)
    // As the gateway routes: by the first segment under /api.
    else if (path.startsWith('/api/'))
      for (const verb of method === 'GET' ? ['GET', 'HEAD'] : [method])
        allow('gateway', path.split('/').slice(0, 3).join('/'), verb)
  }
  for (const { path, callers } of ownCalls)
    if (
      path === '/readyz'
        ? app !== 'gateway'
        : routes.some((route) => route.app === app && route.path === path)
    )
      for (const caller of callers) allow(caller, path, 'GET')
  return [...callers].map(([appId, paths]) => ({
    appId,
    defaultAction: 'deny',
    trustDomain: namespace,
    namespace,
    operations: [...paths].map(([name, verbs]) => ({ name, httpVerb: [...verbs], action: 'allow' })),
  }))
}
