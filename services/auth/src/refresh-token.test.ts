import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionId } from '@parley/contracts'
import { formatRefreshToken, hashesOf, newRefreshToken, parseRefreshToken } from './refresh-token.ts'

const id = 'ses_abc-DEF_1' as SessionId

test('a token survives its text form', () => {
  const token = newRefreshToken(id)
  assert.deepEqual(parseRefreshToken(formatRefreshToken(token)), token)
})

test('the next token is of the same family and another secret', () => {
  const first = newRefreshToken(id)
  const next = newRefreshToken(id, first.family)
  assert.equal(hashesOf(next).familyHash, hashesOf(first).familyHash)
  assert.notEqual(hashesOf(next).secretHash, hashesOf(first).secretHash)
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
