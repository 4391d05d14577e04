import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { all, combinationsFor, nameOf } from '../conformance/combinations.mjs'
import { readRows, render, withRow } from '../conformance/page.mjs'
import { productOf } from '../conformance/products.mjs'
import { profiles } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'

/** @type {import('../conformance/row.mjs').Row} */
const row = {
  ...{ broker: 'nats', stores: 'postgres', replicas: 2, brokerServer: undefined },
  products: { broker: 'NATS 1', stores: ['PostgreSQL 2'] },
  ...{ dapr: '3', node: '4', machine: '5 × 6', at: '2026-01-02T03:04:05.000Z', seconds: 6 },
  checks: {
    order: { passed: true, seconds: 1 },
    resync: { passed: false, seconds: 2, said: 'bob has 1 | 2' },
  },
  bench: { ack: { p50: 5.25, p99: 20 }, highest: 1_000, othersCores: 0 },
}

test('the rows: all brokers, all sets of stores, all profiles that have a name; two replicas but on MQTT', () => {
  const folders = (/** @type {string} */ kind) => readdirSync(join(root, 'components', kind)).sort()
  const unique = (/** @type {string[]} */ list) => [...new Set(list)].sort()
  assert.deepEqual(unique(all.map(({ broker }) => broker)), folders('brokers'))
  assert.deepEqual(unique(all.map(({ stores }) => stores)), folders('stores'))
  for (const { broker, stores } of Object.values(profiles)) {
    const rows = all.filter((one) => one.broker === broker && one.stores === stores)
    assert.deepEqual(
      unique(rows.map(({ replicas }) => String(replicas))),
      broker === 'mqtt' ? ['1'] : ['1', '2'],
    )
  }
})

test('a wish chooses rows; a pair that is none of them is one of its own', () => {
  assert.equal(combinationsFor({}).length, all.length)
  assert.deepEqual(combinationsFor({ profile: 'reference' }).map(nameOf), [
    'rabbitmq + reference, one replica',
    'rabbitmq + reference, 2 replicas',
  ])
  assert.deepEqual(combinationsFor({ broker: 'nats', replicas: 2 }).map(nameOf), [
    'nats + postgres, 2 replicas',
  ])
  assert.deepEqual(combinationsFor({ broker: 'kafka', stores: 'reference' }).map(nameOf), [
    'kafka + reference, one replica',
  ])
  assert.throws(() => combinationsFor({ broker: 'smoke' }), /There is no folder components\/brokers\/smoke/)
})

test('a row replaces that of its combination alone, in the order of the rows', () => {
  const first = { ...row, broker: 'redis', replicas: 1 }
  const old = { ...row, at: 'long ago' }
  const unlisted = { ...row, broker: 'kafka', stores: 'redis' }
  assert.deepEqual(withRow([old, unlisted, first], row), [first, row, unlisted])
})

test('a row shows what passed, what failed and why, and what was not run', () => {
  const text = render([row])
  const line = text.split('\n').find((one) => one.startsWith('| nats'))
  assert.equal(
    line,
    '| nats: NATS 1 | postgres: PostgreSQL 2 | 2 | not run | not run | ✓ | **failed** | not run | not run | not run | not run | not run | 5.3 ms / 20 ms | 1000 msg/s | 3, 4 | 2026-01-02 03:04 |',
  )
  assert.match(text, /- nats \+ postgres, replicas 2, resync: bob has 1 \\\| 2/)
})

test('docs/conformance.md is what its data look like', () => {
  const page = join(root, 'docs/conformance.md')
  assert.ok(existsSync(page))
  assert.equal(readFileSync(page, 'utf8'), render(readRows()))
})

test('what runs is named with its version', async () => {
  for (const [server, name] of /** @type {const} */ ([
    ['postgres', /^PostgreSQL 18\./],
    ['mqtt', /^aedes \d/],
    ['mongodb', /^FerretDB \S+ \(for MongoDB\)$/],
    ['aws', /^moto \S+ \(for SNS and SQS\)$/],
  ]))
    assert.match(await productOf(server), name)
})
