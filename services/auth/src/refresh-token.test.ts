import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionId } from '@parley/contracts'
import {
  formatRefreshToken,
  hashesOf,
  newRefreshToken,
  newSeed,
  nextRefreshToken,
  parseRefreshToken,
} from './refresh-token.ts'

const id = 'ses_abc-DEF_1' as SessionId
const seed = newSeed()

test('a token survives its text form', () => {
  const token = newRefreshToken(id)
  assert.deepEqual(parseRefreshToken(formatRefreshToken(token)), token)
})

test('the next token is of the same family and another secret, each time another', () => {
  const first = newRefreshToken(id)
  const next = nextRefreshToken(first, seed, undefined)
  assert.equal(hashesOf(next).familyHash, hashesOf(first).familyHash)
  assert.notEqual(hashesOf(next).secretHash, hashesOf(first).secretHash)
  assert.notDeepEqual(nextRefreshToken(first, seed, undefined), next)
  assert.deepEqual(parseRefreshToken(formatRefreshToken(next)), next)
})

test('with a client id the next token is always the same, and no other request leads to it', () => {
  const first = newRefreshToken(id)
  const next = nextRefreshToken(first, seed, 'request 1')
  assert.deepEqual(nextRefreshToken(first, seed, 'request 1'), next)
  assert.deepEqual(parseRefreshToken(formatRefreshToken(next)), next)
  const others = [
    nextRefreshToken(first, seed, 'request 2'),
    nextRefreshToken(first, newSeed(), 'request 1'),
    nextRefreshToken(newRefreshToken(id), seed, 'request 1'),
  ]
  for (const other of others) assert.notEqual(hashesOf(other).secretHash, hashesOf(next).secretHash)
})

test('what is no token is not one', () => {
  const good = formatRefreshToken(newRefreshToken(id))
  for (const text of [
    '',
    '.',
    'abc',
    `${id}.`,
    `${id}.AAAA`,
    good.slice(0, -3),
    `${good}AAAA`,
    `a b${good}`,
    `.${good}`,
  ])
    assert.equal(parseRefreshToken(text), undefined, text)
})
