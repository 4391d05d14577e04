// What Prometheus and Grafana are told, held to what the services have.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parser } from '@prometheus-io/lezer-promql'
import { parse } from 'yaml'
import { metrics } from '../../packages/contracts/dist/index.js'
import { createMetrics } from '../../packages/kit/dist/index.js'
import { root } from '../lib/root.mjs'

/** @param {string} path */
const read = (path) => readFileSync(join(root, path), 'utf8')

/** @type {{ name: string, rules: { alert?: string, record?: string, expr: string, labels?: any, annotations?: any }[] }[]} */
const groups = parse(read('compose/rules.yaml')).groups
const rules = groups.flatMap((group) => group.rules)
const alerts = rules.filter(({ alert }) => alert !== undefined)
const dashboards = readdirSync(join(root, 'compose/dashboards')).map((name) =>
  JSON.parse(read(`compose/dashboards/${name}`)),
)
const targets = dashboards.flatMap(({ panels }) =>
  panels.flatMap((/** @type {any} */ panel) => panel.targets ?? []),
)
const expressions = [
  ...rules.map(({ expr }) => expr),
  // Grafana puts a duration there.
  ...targets.map((/** @type {any} */ { expr }) => expr.replaceAll('$__rate_interval', '1m')),
  // By what KEDA scales.
  ...[...read('k8s/components/keda/scaled-objects.yaml').matchAll(/^ +query: (.+)$/gm)].map(
    ([, query = '']) => query,
  ),
]

/**
 * The texts of the nodes of one kind.
 * @param {string} expression
 * @param {string} kind
 */
function find(expression, kind) {
  /** @type {string[]} */
  const found = []
  parser.parse(expression).iterate({
    enter({ name, from, to, type }) {
      if (kind === 'error' ? type.isError : name === kind) found.push(expression.slice(from, to))
    },
  })
  return found
}

/** @typedef {Readonly<Record<string, readonly string[]>>} Labels the values of each that are known; none means any */

/** @returns {Promise<Map<string, Labels>>} the labels of each series that there can be */
async function known() {
  /** @type {Map<string, Labels>} */
  const series = new Map([['up', { job: ['parley', 'daprd'], instance: [] }]])
  for (const { record } of rules) if (record !== undefined) series.set(record, {})
  for (const { name, kind, labels } of Object.values(metrics)) {
    const all = { app: [], instance: [], ...labels }
    if (kind !== 'histogram') series.set(name, all)
    else for (const end of ['bucket', 'sum', 'count']) series.set(`${name}_${end}`, all)
    if (kind === 'histogram') series.set(`${name}_bucket`, { ...all, le: [] })
  }
  const process = createMetrics('auth')
  process.watchProcess()
  for (const [, name = ''] of (await process.text()).matchAll(/^# TYPE ((?:nodejs|process)_\S+)/gm))
    series.set(name, { app: [], instance: [] })
  return series
}

describe('rules and dashboards', () => {
  test('are PromQL', () => {
    assert.ok(expressions.length > 50)
    for (const expression of expressions) assert.deepEqual(find(expression, 'error'), [], expression)
    assert.notDeepEqual(find('sum(rate(a[5m])', 'error'), [], 'what is wrong is seen')
  })

  test('name what there is: series, their labels, and the values of these', async () => {
    const series = await known()
    for (const expression of expressions) {
      const selectors = find(expression, 'VectorSelector')
      assert.ok(selectors.length > 0, expression)
      const labels = new Set()
      for (const selector of selectors) {
        const [name = ''] = find(selector, 'Identifier')
        const own = series.get(name)
        assert.ok(own, `${name} in ${expression}`)
        for (const label of Object.keys(own)) labels.add(label)
        for (const matcher of find(selector, 'UnquotedLabelMatcher')) {
          const [, label = '', value = ''] = /^(\w+)[=!~]+"(.*)"$/.exec(matcher) ?? []
          const values = own[label]
          assert.ok(values, `${label} of ${name}`)
          for (const one of value.split('|'))
            assert.ok(values.length === 0 || values.includes(one), `${label}="${one}" of ${name}`)
        }
      }
      for (const label of find(expression, 'LabelName'))
        assert.ok(labels.has(label), `${label} in ${expression}`)
    }
  })

  test('use buckets that histograms have', () => {
    for (const expression of expressions)
      for (const [, name = '', le] of expression.matchAll(/(\w+)_bucket\{le="([\d.]+)"/g)) {
        const metric = Object.values(metrics).find((one) => one.name === name)
        assert.ok(metric?.buckets.includes(Number(le)), `${name} has no bucket of ${le}`)
      }
  })
})

describe('alerts', () => {
  test('each has its own runbook, a severity and a sentence, and no runbook is left over', () => {
    const runbooks = [...read('docs/operations.md').matchAll(/^#### (Parley\w+)$/gm)].map(([, name]) => name)
    assert.deepEqual(runbooks.toSorted(), alerts.map(({ alert }) => alert).toSorted())
    for (const { alert, labels, annotations } of alerts) {
      assert.match(labels.severity, /^(page|ticket)$/)
      assert.ok(annotations.summary.length > 10)
      assert.equal(annotations.runbook, `docs/operations.md#${alert?.toLowerCase()}`)
    }
  })

  test('burn rates have two windows each, and what they read is recorded', () => {
    const records = rules.map(({ record }) => record)
    const burning = alerts.filter(({ expr }) => expr.includes('ratio_rate'))
    assert.equal(burning.length, 4)
    for (const { alert, expr } of burning) {
      const windows = find(expr, 'Identifier')
      assert.equal(windows.length, alert?.endsWith('Slowly') ? 2 : 4)
      for (const name of windows) assert.ok(records.includes(name), name)
    }
  })
})

const hasPromtool = spawnSync('promtool', ['--version']).status === 0
test('alerts fire for their reasons, says promtool', {
  skip: !hasPromtool && 'promtool is not installed',
}, () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'rules.promtool.yaml'], {
    cwd: join(root, 'tools/test'),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout + stderr)
})

describe('dashboards', () => {
  test('ask the data source that Grafana is given, each with ids of its own', () => {
    const sources = parse(read('compose/grafana.yaml')).datasources
    for (const { panels } of dashboards) {
      const ids = panels.map((/** @type {any} */ { id }) => id)
      assert.equal(new Set(ids).size, ids.length)
    }
    for (const { datasource } of targets)
      assert.ok(sources.some((/** @type {any} */ { uid }) => uid === datasource.uid))
  })

  test('show every metric', () => {
    const shown = targets.map((/** @type {any} */ { expr }) => expr).join('\n')
    const recorded = rules.map(({ expr }) => expr).join('\n')
    for (const { name } of Object.values(metrics)) assert.ok(`${shown}\n${recorded}`.includes(name), name)
  })
})
