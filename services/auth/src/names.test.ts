import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizeName } from './names.ts'

test('names that people hold for the same are the same', () => {
  const cases: readonly [string, string][] = [
    ['Ada', 'ada'],
    ['  Ada   Lovelace\t', 'ada lovelace'],
    ['ＡＤＡ', 'ada'],
    ['Zoe\u0308', 'zo\u00eb'],
    ['ﬁona', 'fiona'],
    ['\ud800x', '\ufffdx'],
    ['', ''],
  ]
  for (const [name, expected] of cases) assert.equal(normalizeName(name), expected)
})

test('normalizing twice changes nothing', () => {
  for (const name of ['İstanbul', 'Straße', 'ΌΣΟΣ', '𝔄𝔡𝔞', '½ moon'])
    assert.equal(normalizeName(normalizeName(name)), normalizeName(name))
})
