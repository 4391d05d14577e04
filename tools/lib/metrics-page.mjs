// The table of the metrics in docs/operations.md, from the contracts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { metrics } from '../../packages/contracts/dist/index.js'
import { root } from './root.mjs'

const path = join(root, 'docs/operations.md')
const place = /(<!-- metrics: .* -->\n)[\s\S]*(<!-- \/metrics -->)/

/** @param {import('@parley/contracts').MetricContract} metric */
function rowOf({ name, kind, apps, labels, help }) {
  const named = Object.entries(labels).map(
    ([label, values]) =>
      `\`${label}\`${values.length === 0 ? '' : `: ${values.map((value) => `\`${value}\``).join(', ')}`}`,
  )
  return `| \`${name}\` | ${kind} | ${apps.join(', ')} | ${named.join('; ')} | ${help} |`
}

/** The document as it should be. */
export function pageWithMetrics() {
  const head = ['| metric | kind | app | labels | what it says |', '|---|---|---|---|---|']
  const rows = Object.values(metrics).map((metric) =>
    rowOf(/** @type {import('@parley/contracts').MetricContract} */ (metric)),
  )
  return readFileSync(path, 'utf8').replace(place, `$1${[...head, ...rows].join('\n')}\n$2`)
}

export const writeMetrics = () => writeFileSync(path, pageWithMetrics())
