import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGroupCommit } from './group-commit.ts'

test('what comes during a write goes into the next one, together; other keys do not wait', async () => {
  const writes: [string, readonly string[]][] = []
  const gates: (() => void)[] = []
  const commit = createGroupCommit<string>((key, items) => {
    writes.push([key, items])
    return new Promise((resolve) => gates.push(resolve))
  })
  const first = commit('a', ['1'])
  await new Promise(setImmediate)
  const later = [commit('a', ['2']), commit('a', ['3']), commit('b', ['4'])]
  await new Promise(setImmediate)
  assert.deepEqual(writes, [
    ['a', ['1']],
    ['b', ['4']],
  ])
  gates.shift()?.()
  await first
  await new Promise(setImmediate)
  assert.deepEqual(writes[2], ['a', ['2', '3']])
  for (const open of gates) open()
  await Promise.all(later)
})

test('a failed write fails its own items only', async () => {
  let failing = true
  const commit = createGroupCommit<string>(() =>
    failing ? Promise.reject(new Error('no')) : Promise.resolve(),
  )
  await assert.rejects(commit('a', ['1']))
  failing = false
  await commit('a', ['2'])
})
