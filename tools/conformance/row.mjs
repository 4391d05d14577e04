// One combination, in a process of its own: starts it, measures it, puts it through the checks, and answers with its row.
import { AssertionError } from 'node:assert'
import { availableParallelism, cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { inTime } from '@parley/testkit'
import { groupsIn } from '../../bench/parley.mjs'
import { brief } from '../../bench/plan.mjs'
import { serve, startHelper } from '../../bench/rpc.mjs'
import { highestRate, steadyPairs } from '../../bench/scenarios.mjs'
import { checks } from '../../tests/dist/conformance/checks.js'
import { apply, missingFor, serverNames, startSubject } from '../../tests/dist/conformance/subject.js'
import { complain, dim, say, step } from '../lib/terminal.mjs'
import { daprVersion, productOf } from './products.mjs'

/**
 * @typedef {import('../../tests/dist/conformance/subject.js').Subject} Subject
 * @typedef {import('../../tests/dist/conformance/subject.js').Combination} Combination
 * @typedef {import('../../tests/dist/conformance/checks.js').Check} Check
 * @typedef {{ passed: boolean, seconds: number, said?: string }} Outcome
 * @typedef {object} Row
 * @property {string} broker
 * @property {string} stores
 * @property {number} replicas
 * @property {string | undefined} brokerServer
 * @property {{ broker: string, stores: string[] }} products what really ran
 * @property {string} dapr
 * @property {string} node
 * @property {string} machine
 * @property {string} at
 * @property {number} seconds
 * @property {Record<string, Outcome>} checks
 * @property {{ ack: { p50: number, p99: number }, highest: number | undefined, othersCores: number } | undefined} bench
 */

/** Rates are lifted for the measurement, and stay so: a check must not wait for them. */
const env = { PARLEY_RATE_LIMITS: 'off' }
const checkWithinMs = 240_000

serve({ run })

/**
 * @param {{ combination: Combination, bench: boolean, only: string | undefined }} options
 * @returns {Promise<{ row?: Row, missing?: string }>} why this machine cannot run it, if so
 */
async function run({ combination, bench: withBench, only }) {
  const missing = await missingFor(combination)
  if (missing !== undefined) return { missing }
  const wanted = checks.filter(({ name }) => only === undefined || name === only)
  const started = Date.now()
  /** @type {Row['checks']} */
  const outcomes = {}
  const start = () => step('Parley starts', () => startSubject(combination, env))
  const bench = await all(start, wanted, withBench, outcomes).catch((error) => {
    complain(inspect(error))
    const said = `it does not start, or cannot be measured: ${firstLine(error)}`
    for (const { name } of wanted) outcomes[name] ??= { passed: false, seconds: 0, said }
    return undefined
  })
  const { broker, stores } = await serverNames(combination)
  const row = {
    ...combination,
    brokerServer: combination.brokerServer,
    products: { broker: await productOf(broker), stores: await Promise.all(stores.map(productOf)) },
    dapr: await daprVersion(),
    node: process.versions.node,
    machine: `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}`,
    at: new Date().toISOString(),
    seconds: Math.round((Date.now() - started) / 1000),
    checks: outcomes,
    bench,
  }
  say(dim(`  ${row.seconds} s`))
  return { row }
}

/**
 * @param {() => Promise<Subject>} start
 * @param {readonly Check[]} wanted
 * @param {boolean} withBench
 * @param {Row['checks']} outcomes filled in here
 * @returns {Promise<Row['bench']>}
 */
async function all(start, wanted, withBench, outcomes) {
  let subject = await start()
  const bench = await (withBench ? measure(subject) : undefined)
  for (const [index, check] of wanted.entries()) {
    const outcome = await pass(subject, check)
    outcomes[check.name] = outcome
    const isLast = index === wanted.length - 1
    if (isLast || !outcome.passed) await stop(subject, outcome)
    // What failed leaves nobody knows what behind.
    if (!isLast && !outcome.passed) subject = await start()
  }
  return bench
}

/**
 * @param {Subject} subject
 * @param {Check} check
 * @returns {Promise<Outcome>}
 */
async function pass(subject, check) {
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000)
  try {
    await step(check.name, () => inTime(check.name, apply(subject, check), checkWithinMs))
    return { passed: true, seconds: seconds() }
  } catch (error) {
    const said = explain(error)
    complain(`${check.name}: ${check.means}\n${said}\n  logs:     ${subject.logs}`)
    return { passed: false, seconds: seconds(), said: firstLine(error) }
  }
}

/** @param {unknown} error */
const firstLine = (error) => String(/** @type {any} */ (error)?.message ?? error).split('\n')[0] ?? ''

/** @param {unknown} error */
function explain(error) {
  if (!(error instanceof AssertionError)) return inspect(error)
  const show = (/** @type {unknown} */ value) =>
    inspect(value, { depth: 4, maxArrayLength: 20, breakLength: 160 })
  return `  ${error.message.slice(0, 4_000)}\n  expected: ${show(error.expected)}\n  seen:     ${show(error.actual)}`
}

/**
 * @param {Subject} subject
 * @param {Outcome} outcome of the last check, which fails where the end does
 */
async function stop(subject, outcome) {
  try {
    await step('Parley stops', () => subject.close({ keepLogs: !outcome.passed }))
  } catch (error) {
    if (!outcome.passed) return
    Object.assign(outcome, { passed: false, said: 'the stop at the end failed' })
    complain(`the stop at the end\n${explain(error)}\n  logs:     ${subject.logs}`)
  }
}

/**
 * @param {Subject} subject
 * @returns {Promise<Row['bench']>}
 */
async function measure({ system: { parley } }) {
  const { url, directory } = parley
  const load = startHelper(new URL('../../bench/load.mjs', import.meta.url))
  const target = { kind: /** @type {const} */ ('parley'), url, load, groups: () => groupsIn(directory) }
  try {
    await load.call('signUp', { url, count: brief.people })
    const { perSecond, rooms } = brief.steady
    const steady = await step(`${perSecond} msg/s in ${rooms} rooms of 2`, () =>
      steadyPairs(target, brief.steady),
    )
    const { highest } = await step(`highest rate in ${brief.capacity.rooms} rooms of 2`, () =>
      highestRate(target, brief.capacity),
    )
    const { ack, othersCores } = steady
    return { ack, highest: highest?.perSecond, othersCores }
  } finally {
    await load.stop()
    // Dozens of people have just gone offline.
    await sleep(1_000)
  }
}
