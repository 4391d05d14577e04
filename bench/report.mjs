// One table for a person, and the same numbers for a program.
import { milliseconds } from '../tools/lib/numbers.mjs'
import { sum } from './usage.mjs'

/**
 * @typedef {object} Results
 * @property {{ kibPerConnection: number }} idle
 * @property {import('./scenarios.mjs').Measured} steady
 * @property {{ highest: import('./scenarios.mjs').Measured | undefined, tried: unknown[] }} capacity
 * @property {import('./scenarios.mjs').Measured} large
 * @property {{ head: number, p50: number, p99: number }} [history]
 */

/**
 * @param {Results} parley
 * @param {Results} relay
 * @param {import('./plan.mjs').Plan} plan
 * @param {string} name of the profile
 */
export function resultTable(parley, relay, plan, name) {
  /** @type {string[][]} */
  const rows = [['', `Parley (${name})`, 'bare relay', 'ratio']]
  const add = (
    /** @type {string} */ what,
    /** @type {(value: number) => string} */ show,
    /** @type {(results: Results) => number | undefined} */ pick,
  ) => {
    const [mine = Number.NaN, theirs = Number.NaN] = [pick(parley), pick(relay)]
    const ratio = mine / theirs
    rows.push([what, show(mine), show(theirs), Number.isFinite(ratio) ? `${ratio.toPrecision(2)} ×` : ''])
  }
  const times = (
    /** @type {string} */ what,
    /** @type {(results: Results) => { p50: number, p99: number } | undefined} */ pick,
  ) => {
    add(`${what}, p50`, milliseconds, (results) => pick(results)?.p50)
    add(`${what}, p99`, milliseconds, (results) => pick(results)?.p99)
  }
  const { steady, capacity, large, history, idle } = plan
  rows.push([`${steady.perSecond} msg/s in ${steady.rooms} rooms of 2`])
  times('  send → durable ack', (results) => results.steady.ack)
  times('  send → recipient', (results) => results.steady.recipient)
  add('  disk per message', kib, (results) => results.steady.kibPerMessage)
  rows.push([`highest rate in ${capacity.rooms} rooms of 2, recipient p99 < 250 ms, no loss`])
  add('  msg/s', count, ({ capacity: { highest } }) => highest?.perSecond)
  rows.push([`${large.perSecond} msg/s in one room of ${large.members}`])
  times('  send → last recipient', (results) => results.large.recipient)
  rows.push([`history page of ${history.limit} in a room of ${count(history.messages)}`])
  times('  request → answer', (results) => results.history)
  rows.push([`${count(idle.connections)} idle connections`])
  add('  memory per connection', kib, (results) => results.idle.kibPerConnection)
  rows.push(['processor seconds per 1,000 messages'])
  add(`  at ${steady.perSecond} msg/s`, seconds, (results) => perThousand(results.steady))
  add('  at the highest rate', seconds, ({ capacity: { highest } }) => highest && perThousand(highest))
  add(`  in one room of ${large.members}`, seconds, (results) => perThousand(results.large))
  rows.push(['cores that others used meanwhile'])
  add(`  at ${steady.perSecond} msg/s`, seconds, (results) => results.steady.othersCores)
  add('  at the highest rate', seconds, ({ capacity: { highest } }) => highest?.othersCores)
  return layOut(rows)
}

/**
 * @param {Results} parley
 * @param {import('./plan.mjs').Plan} plan
 */
export function processTable({ steady, capacity: { highest } }, plan) {
  const names = Object.keys(steady.usage)
  const each = names.map((name) => [
    name,
    seconds(perThousand(steady, name)),
    highest ? seconds(perThousand(highest, name)) : '–',
    `${Math.round((highest ?? steady).usage[name]?.memoryMiB ?? 0)} MiB`,
  ])
  const total = sum(Object.values((highest ?? steady).usage))
  return layOut([
    ['process', `cpu s / 1,000 at ${plan.steady.perSecond} msg/s`, 'at the highest rate', 'memory'],
    ...each,
    [
      'together',
      seconds(perThousand(steady)),
      highest ? seconds(perThousand(highest)) : '–',
      `${Math.round(total.memoryMiB)} MiB`,
    ],
  ])
}

/**
 * @param {import('./scenarios.mjs').Measured} measured
 * @param {string} [name]
 */
function perThousand({ sent, usage }, name) {
  const { cpuSeconds } = name === undefined ? sum(Object.values(usage)) : (usage[name] ?? { cpuSeconds: 0 })
  return (cpuSeconds / sent) * 1000
}

const count = (/** @type {number} */ value) => (Number.isFinite(value) ? value.toLocaleString('en-US') : '–')
const kib = (/** @type {number} */ value) =>
  Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} KiB` : '–'
const seconds = (/** @type {number} */ value) => (Number.isFinite(value) ? value.toFixed(2) : '–')

/** @param {readonly string[][]} rows */
function layOut(rows) {
  const columns = Math.max(...rows.map(({ length }) => length))
  const widths = Array.from({ length: columns }, (_, column) =>
    // A heading that stands alone in its row makes no column wider.
    Math.max(...rows.filter(({ length }) => length > 1).map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          row.length === 1
            ? cell
            : column === 0
              ? cell.padEnd(widths[column] ?? 0)
              : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
