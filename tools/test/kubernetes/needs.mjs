// What the test on Kubernetes needs, and why it is skipped where something is missing.
import { hasCharts } from '../../lib/kubernetes/dapr-chart.mjs'
import { noPodSpace } from '../../lib/kubernetes/pod-space.mjs'
import { findProgram } from '../../lib/kubernetes/programs.mjs'
import { findProgram as findInstalled } from '../../lib/packages.mjs'

/** @returns {string | false} */
export function whyNotOnKubernetes() {
  const programs = /** @type {const} */ (['cluster', 'dapr-control-plane', 'helm', 'kubectl'])
  const unbuilt = programs.filter((name) => findProgram(name) === undefined)
  if (unbuilt.length > 0 || !hasCharts())
    return `not built yet: ${[...unbuilt, ...(hasCharts() ? [] : ['charts'])].join(', ')}; npm run test:kubernetes builds them`
  const missing = ['nginx', 'redis-server', 'rabbitmq-server'].filter((name) => !findInstalled(name))
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`
  return noPodSpace() ?? false
}
