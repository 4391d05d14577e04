// docs/conformance.json holds the rows; docs/conformance.md is what they look like.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brief } from '../../bench/plan.mjs'
import { checks } from '../../tests/dist/conformance/checks.js'
import { milliseconds } from '../lib/numbers.mjs'
import { root } from '../lib/root.mjs'
import { all, keyOf } from './combinations.mjs'

/** @typedef {import('./row.mjs').Row} Row */

const data = join(root, 'docs/conformance.json')
const page = join(root, 'docs/conformance.md')

/** @returns {Row[]} */
export const readRows = () => (existsSync(data) ? JSON.parse(readFileSync(data, 'utf8')).rows : [])

/** @param {Row} row */
export function writeRow(row) {
  const rows = withRow(readRows(), row)
  writeFileSync(data, `${JSON.stringify({ rows }, undefined, 2)}\n`)
  writePage(rows)
}

export const writePage = (/** @type {readonly Row[]} */ rows) => writeFileSync(page, render(rows))

/**
 * In the place of its combination's last one; the rest stays.
 * @param {readonly Row[]} rows
 * @param {Row} row
 * @returns {Row[]}
 */
export function withRow(rows, row) {
  const order = all.map(keyOf)
  const placeOf = (/** @type {Row} */ one) =>
    (order.indexOf(keyOf(one)) + order.length + 1) % (order.length + 1)
  const others = rows.filter((one) => keyOf(one) !== keyOf(row))
  return [...others, row].sort((a, b) => placeOf(a) - placeOf(b))
}

const names = checks.map(({ name }) => name)

/** @param {readonly Row[]} rows */
export function render(rows) {
  const head = [
    'broker',
    'stores',
    'replicas',
    ...names,
    'ack p50 / p99',
    'highest rate',
    'Dapr, Node',
    'run',
  ]
  const lines = [head, head.map(() => '---'), ...rows.map(cellsOf)]
  return `# Conformance

What \`npm run conformance\` found: every broker and every set of stores through the same checks, over real sidecars and the
gateway, each on servers that it started and killed itself. Written by that command; a row runs again with
\`npm run conformance -- --broker B --stores S --replicas N\`, which replaces that row alone.

${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

${faultsOf(rows)}## What is checked

${checks.map(({ name, means }) => `- **${name}**: ${means}.`).join('\n')}

After a restart: what was acknowledged is in the log, once and in the order in which its sender wrote it; every client has the
whole log in order, and was told of no message what is not so; whoever is there is shown as online, and afterwards as offline.

- **ack p50 / p99**: from send to the ack, which means that it is stored, at ${brief.steady.perSecond} msg/s in ${brief.steady.rooms} rooms of 2 for ${brief.steady.seconds} s.
- **highest rate**: in ${brief.capacity.rooms} rooms of 2, nothing lost, doubled or out of order, and 99 of 100 delivered within 250 ms; in steps
  of ${brief.capacity.seconds} s. Both with the load on the same machine and rates lifted:
  ${machinesOf(rows)}. [bench/README.md](../bench/README.md) has longer measurements, of processes that
  are warm. Two replicas are 24 processes on the same cores: they are for being there, not for being fast there.

moto keeps everything in memory, as AWS does not: where others are killed, it answers nobody for 3 s. aedes, the MQTT broker
of \`npm start\`, keeps everything in memory, too, and is killed all the same. FerretDB stands in for MongoDB, and Kafka, NATS and
RabbitMQ are one node each.
`
}

/** @param {readonly Row[]} rows */
const machinesOf = (rows) => [...new Set(rows.map(({ machine }) => machine))].join('; ')

/** @param {Row} row */
function cellsOf({ broker, stores, replicas, products, checks: outcomes, bench, dapr, node, at }) {
  const stamp = at.slice(0, 16).replace('T', ' ')
  return [
    `${broker}: ${products.broker}`,
    `${stores}: ${products.stores.join(', ')}`,
    String(replicas),
    ...names.map((name) => markOf(outcomes[name])),
    bench ? `${milliseconds(bench.ack.p50)} / ${milliseconds(bench.ack.p99)}` : 'not measured',
    bench ? rateOf(bench.highest) : 'not measured',
    `${dapr}, ${node}`,
    stamp,
  ]
}

const rateOf = (/** @type {number | undefined} */ rate) =>
  rate === undefined ? `below ${brief.capacity.least} msg/s` : `${rate} msg/s`

const markOf = (/** @type {import('./row.mjs').Outcome | undefined} */ outcome) =>
  outcome === undefined ? 'not run' : outcome.passed ? '✓' : '**failed**'

/** @param {readonly Row[]} rows */
function faultsOf(rows) {
  const faults = rows.flatMap((row) =>
    Object.entries(row.checks)
      .filter(([, { passed }]) => !passed)
      .map(([name, { said = '' }]) => {
        const words = said.replaceAll('|', '\\|').slice(0, 300)
        return `- ${row.broker} + ${row.stores}, replicas ${row.replicas}, ${name}: ${words}`
      }),
  )
  return faults.length > 0 ? `## What failed\n\n${faults.join('\n')}\n\n` : ''
}
