import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChatError } from '@parley/kit'
import { createLine, createPasswords } from './passwords.ts'

test('a hash states argon2id with the parameters that OWASP names', async () => {
  const passwords = createPasswords()
  const stored = await passwords.hash('correct horse')
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.equal(await passwords.verify(stored, 'correct horse'), true)
  assert.equal(await passwords.verify(stored, 'correct hors'), false)
})

test('composed and decomposed letters are the same password', async () => {
  const passwords = createPasswords({ algorithm: 2, memoryCost: 8, timeCost: 1, parallelism: 1 })
  assert.equal(await passwords.verify(await passwords.hash('pass\u00e9'), 'passe\u0301'), true)
})

test('nobody has a password, not even the one that stands in for it', async () => {
  const passwords = createPasswords({ algorithm: 2, memoryCost: 8, timeCost: 1, parallelism: 1 })
  for (const guess of ['', 'x', 'nobody has this password'])
    assert.equal(await passwords.verify(undefined, guess), false)
})

test('a line: two at work, the rest in order, and a full line says so', async () => {
  const inLine = createLine(2, 2)
  const started: number[] = []
  const ends: (() => void)[] = []
  const work = (n: number) =>
    inLine(() => {
      started.push(n)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
  const all = [1, 2, 3, 4].map(work)
  await assert.rejects(work(5), (error) => error instanceof ChatError && error.code === 'overloaded')
  assert.deepEqual(started, [1, 2])
  ends.shift()?.()
  await all[0]
  await new Promise(setImmediate)
  assert.deepEqual(started, [1, 2, 3])
  while (ends.length > 0) {
    ends.shift()?.()
    await new Promise(setImmediate)
  }
  await Promise.all(all)
  await assert.rejects(inLine(() => Promise.reject(new Error('work fails'))))
  assert.equal(await inLine(() => Promise.resolve('free again')), 'free again')
})
