import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { metrics } from '../../packages/contracts/dist/index.js'
import { pageWithMetrics } from '../lib/metrics-page.mjs'
import { root } from '../lib/root.mjs'
import { readRunFile } from '../lib/run-file.mjs'

/** @param {string} path */
const read = (path) => readFileSync(join(root, path), 'utf8')

describe('metrics', () => {
  test('are named as Prometheus asks for', () => {
    for (const { name, kind } of Object.values(metrics)) {
      assert.match(name, /^parley_[a-z_]+$/)
      assert.equal(name.endsWith('_total'), kind === 'counter', name)
      if (kind === 'histogram') assert.match(name, /_(seconds|items|entries)$/)
    }
  })

  test('stand in docs/operations.md as they are: `npm run docs`', () => {
    const page = pageWithMetrics()
    assert.ok(Object.values(metrics).every(({ name }) => page.includes(`\`${name}\``)))
    assert.equal(read('docs/operations.md'), page)
  })

  test('are served by replicas of a service on ports ten apart, shifted with all others', () => {
    const ports = readRunFile({ portOffset: 100, replicas: 2 })
      .filter(({ appId }) => appId === 'realtime')
      .map(({ env }) => env.METRICS_PORT)
    assert.deepEqual(ports, ['3852', '3862'])
  })
})
