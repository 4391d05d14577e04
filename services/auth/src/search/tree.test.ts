import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clipped, entriesOf, isFoundBy, termsOf, userIdOf } from './terms.ts'
import { leafEntries, type Node, planInsert, planRemove } from './tree.ts'

const many = (count: number, term: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => `${term(i)}\nu${String(i).padStart(6, '0')}`)

test('terms: the username, and the display name from each word on', () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ['ada', 'Ada Lovelace', ['ada', 'ada lovelace', 'lovelace']],
    ['ada', 'Ada', ['ada']],
    [
      'a.b',
      'One Two Three Four Five',
      ['a.b', 'one two three four five', 'two three four five', 'three four five', 'four five'],
    ],
  ]
  for (const [username, displayName, terms] of cases)
    assert.deepEqual(termsOf({ username, displayName }), terms)
})

test('entries: short terms are left out, long ones are clipped by letters, not by half of a surrogate pair', () => {
  assert.deepEqual(entriesOf({ id: 'u1', username: 'ab', displayName: 'X' }), ['ab\nu1'])
  assert.equal(clipped('🦊'.repeat(40)), '🦊'.repeat(32))
  assert.equal(userIdOf('ada lovelace\nu1'), 'u1')
})

test('a user is found by what is a prefix now', () => {
  const user = { username: 'ada', displayName: 'Ada Lovelace' }
  for (const [query, found] of [
    ['ad', true],
    ['love', true],
    ['ada l', true],
    ['vel', false],
  ] as const)
    assert.equal(isFoundBy(user, query), found, query)
})

test('insert: the plan of each state of a node', () => {
  const full = many(leafEntries, (i) => `ma${'abcd'[i % 4]}`)
  const cases: readonly [string, Node | undefined, readonly string[], object][] = [
    ['into nothing', undefined, ['mab\nu1'], { first: { entries: ['mab\nu1'] } }],
    ['what is there', { entries: ['mab\nu1'] }, ['mab\nu1'], {}],
    ['into a leaf', { entries: ['mab\nu1'] }, ['maa\nu2'], { first: { entries: ['maa\nu2', 'mab\nu1'] } }],
    [
      'into a branch that knows the letter',
      { letters: ['a', 'b'] },
      ['mab\nu1'],
      { children: new Map([['b', ['mab\nu1']]]) },
    ],
    [
      'into a branch that does not',
      { letters: ['b'] },
      ['maa\nu1'],
      { first: { letters: ['a', 'b'] }, children: new Map([['a', ['maa\nu1']]]) },
    ],
  ]
  for (const [name, current, entries, plan] of cases)
    assert.deepEqual(planInsert(current, 2, entries), plan, name)

  const split = planInsert({ entries: full }, 2, ['maz\nu9'])
  assert.equal(split.first, undefined)
  assert.deepEqual(split.last, { letters: ['a', 'b', 'c', 'd', 'z'] })
  assert.equal([...(split.children ?? [])].flatMap(([, entries]) => entries).length, leafEntries + 1)
})

test('remove: only what is there, and never a branch', () => {
  assert.deepEqual(planRemove(undefined, 2, ['mab\nu1']), {})
  assert.deepEqual(planRemove({ entries: ['mab\nu1'] }, 2, ['mab\nu1', 'mac\nu1']), {
    first: { entries: [] },
  })
  assert.deepEqual(planRemove({ entries: ['mab\nu1'] }, 2, ['mac\nu1']), {})
  assert.deepEqual(planRemove({ letters: ['a'] }, 2, ['maa\nu1', 'maz\nu1']), {
    children: new Map([['a', ['maa\nu1']]]),
  })
})
