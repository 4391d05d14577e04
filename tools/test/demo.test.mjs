import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { openLink } from '../demo/cuttable-link.mjs'
import { wasOffline } from '../demo/person.mjs'
import { judge } from '../demo/verdict.mjs'
import { milliseconds, percentile } from '../lib/numbers.mjs'

const sent = ['a1', 'b1', 'a2', 'b2'].map((clientId) => ({ clientId, senderId: clientId.slice(0, 1) }))
const log = sent.map((one, index) => ({ ...one, seq: index + 1 }))
const all = sent.map(({ clientId }) => clientId)
const fine = { sent, acknowledged: all, history: log, delivered: { Ada: log, Bob: log } }
const [first, second, third, fourth] = /** @type {[any, any, any, any]} */ (log)

/** @type {[string, import('../demo/verdict.mjs').Evidence, string[]][]} */
const table = [
  ['nothing wrong', fine, []],
  ['acknowledged, and not stored', { ...fine, history: log.slice(0, 3) }, ['stored', 'order']],
  ['stored, and never acknowledged', { ...fine, acknowledged: all.slice(1) }, ['stored']],
  ['one got less', { ...fine, delivered: { Ada: log, Bob: log.slice(1) } }, ['delivered', 'order']],
  [
    'one got it in another order',
    { ...fine, delivered: { Ada: [second, first, third, fourth], Bob: log } },
    ['order'],
  ],
  ['one got one twice', { ...fine, delivered: { Ada: [...log, fourth], Bob: log } }, ['order', 'duplicates']],
  [
    'stored twice',
    {
      ...fine,
      history: [...log, { ...fourth, seq: 5 }],
      delivered: { Ada: [...log, { ...fourth, seq: 5 }], Bob: [...log, { ...fourth, seq: 5 }] },
    },
    ['duplicates'],
  ],
  [
    'stored in another order than one person sent it',
    { ...fine, history: [third, second, first, fourth], delivered: { Ada: [third, second, first, fourth] } },
    ['order'],
  ],
]
for (const [name, evidence, wrong] of table) {
  test(`verdict: ${name}`, () => {
    assert.deepEqual(
      judge(evidence).flatMap((check) => (check.well ? [] : [check.name])),
      wrong,
    )
  })
}

test('a person was offline between two moments', () => {
  const person = /** @type {any} */ ({ offline: [10, 20, 50] })
  const asked = [
    [0, 9],
    [0, 10],
    [15, 16],
    [21, 49],
    [60, 70],
  ].map(([from = 0, to = 0]) => wasOffline(person, from, to))
  assert.deepEqual(asked, [false, true, true, false, true])
})

test('percentiles', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(
    [0, 0.5, 0.99, 1].map((share) => percentile(values, share)),
    [1, 50, 99, 100],
  )
  assert.ok(Number.isNaN(percentile([], 0.5)))
  assert.deepEqual([1.26, 12.6, 12_345, Number.NaN].map(milliseconds), ['1.3 ms', '13 ms', '12.3 s', '–'])
})

test('a link carries, is cut, and is mended', async (t) => {
  const server = createServer((_request, response) => response.end('hello'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  t.after(() => server.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const link = await openLink(`http://127.0.0.1:${port}`)
  t.after(() => link.close())
  const ask = async () => (await fetch(link.url, { headers: { connection: 'close' } })).text()
  assert.equal(await ask(), 'hello')
  link.cut()
  await assert.rejects(ask())
  link.mend()
  assert.equal(await ask(), 'hello')
})
