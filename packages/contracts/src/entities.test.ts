import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clientId,
  displayName,
  entry,
  getEntries,
  getHistory,
  getPresence,
  limits,
  password,
  syncRequest,
  text,
  title,
  userId,
  username,
} from './index.ts'

const accepts = (schema: { safeParse(value: unknown): { success: boolean } } | undefined, value: unknown) =>
  schema?.safeParse(value).success

const long = (length: number, letter = 'a') => letter.repeat(length)

const texts: readonly (readonly [name: string, value: unknown, accepted: boolean])[] = [
  ['one letter', 'a', true],
  ['the full number of characters', long(limits.textCharacters), true],
  ['one character more', long(limits.textCharacters + 1), false],
  ['the full number of characters, three bytes each', long(limits.textCharacters, '語'), true],
  ['surrogate pairs up to the full number of UTF-16 units', long(limits.textCharacters / 2, '😀'), true],
  ['one pair more', long(limits.textCharacters / 2 + 1, '😀'), false],
  ['nothing', '', false],
  ['only white space', ' \n\t ', false],
  ['a family with joiners', '👨‍👩‍👧', true],
  ['control characters', 'a\u0000\u007f', true],
  ['a number', 1, false],
]
for (const [name, value, accepted] of texts)
  test(`text: ${name} is ${accepted ? 'accepted' : 'refused'}`, () =>
    assert.equal(accepts(text, value), accepted))

test('text: what is not well-formed is replaced before it is measured or stored', () => {
  assert.equal(text.parse('a\ud800b'), 'a\ufffdb')
  assert.equal(accepts(text, long(limits.textCharacters, '\ud800')), true)
})

const table = {
  clientId: [clientId, ['a', long(128), '😀'], ['', long(129), '\ud800']],
  userId: [userId, ['a', 'A-_9', long(64)], ['', long(65), 'a b', 'a/b', 'a.b', 'ä']],
  username: [username, ['ab', 'a.b-c_d', long(32), '42'], ['a', '.ab', 'a b', long(33), 'äb', 'a\nb']],
  password: [password, [long(8), long(200)], [long(7), long(201)]],
  displayName: [displayName, ['a', long(80), ` ${long(80)} `], ['', '  ', long(81)]],
  title: [title, ['a', long(120)], ['', ' ', long(121)]],
  'sync cursors': [
    syncRequest.shape.cursors,
    [{}, { a: 0 }, Object.fromEntries(Array.from({ length: limits.syncCursors }, (_, n) => [`c${n}`, n]))],
    [
      { a: -1 },
      { 'a b': 1 },
      Object.fromEntries(Array.from({ length: limits.syncCursors + 1 }, (_, n) => [`c${n}`, n])),
    ],
  ],
  'history query': [
    getHistory.query,
    [{}, { before: '5' }, { after: '0' }, { limit: '200' }],
    [{ before: '5', after: '1' }, { limit: '201' }, { limit: '0' }, { before: 'x' }, { before: '1.5' }],
  ],
  'entries query': [getEntries.query, [{ after: '0' }], [{}, { after: '-1' }]],
  'presence query': [
    getPresence.query,
    [{ userIds: 'a' }, { userIds: 'a,b,' }],
    [{ userIds: '' }, { userIds: 'a b' }],
  ],
} as const
for (const [name, [schema, good, bad]] of Object.entries(table))
  test(`${name} has its limits`, () => {
    for (const value of good) assert.equal(accepts(schema, value), true, `accepts ${JSON.stringify(value)}`)
    for (const value of bad) assert.equal(accepts(schema, value), false, `refuses ${JSON.stringify(value)}`)
  })

test('names are trimmed and well-formed', () => {
  assert.equal(displayName.parse('  Ada\ud800 '), 'Ada\ufffd')
  assert.equal(getHistory.query?.parse({}).limit, 50)
})

test('an entry of an unknown kind is refused', () => {
  const base = { conversationId: 'c', seq: 1, at: '2026-01-01T00:00:00.000Z', by: 'u' }
  assert.equal(accepts(entry, { ...base, kind: 'delete', target: 1 }), true)
  assert.equal(accepts(entry, { ...base, kind: 'party' }), false)
  assert.equal(accepts(entry, { ...base, kind: 'delete', target: 1, at: '2026-01-01T00:00:00Z' }), false)
})
