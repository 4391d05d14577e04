import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChatError, currentTrace, runInTrace } from '@parley/kit'
import { coalesce } from './coalesce.ts'

const limits = { items: 3, inFlight: 1 }

/** Notes each bulk call, and answers with ten times each item. */
function start(fails: (items: readonly number[]) => Error | undefined = () => undefined) {
  const asked: number[][] = []
  const call = coalesce<number, number>(async (items) => {
    asked.push([...items])
    const error = fails(items)
    if (error) throw error
    return items.map((item) => item * 10)
  }, limits)
  return { asked, call }
}

describe('coalesced calls', () => {
  it('go out together where they come together, up to a limit', async () => {
    const { asked, call } = start()
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map(call)), [10, 20, 30, 40])
    assert.deepEqual(asked, [[1, 2, 3], [4]])
  })

  it('fail alone where one of them is refused', async () => {
    const { asked, call } = start((items) => (items.includes(2) ? new Error('refused') : undefined))
    const outcomes = await Promise.allSettled([1, 2, 3].map(call))
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(asked, [[1, 2, 3], [1], [2], [3]])
  })

  it('run in the trace of their first item, also where that one waited for another', async () => {
    const traces: (string | undefined)[] = []
    const call = coalesce<number, number>(
      async (items) => {
        traces.push(currentTrace()?.traceId)
        return items
      },
      { items: 1, inFlight: 1 },
    )
    await Promise.all(['a', 'b'].map((traceId, i) => runInTrace({ traceId, flags: '00' }, () => call(i))))
    assert.deepEqual(traces, ['a', 'b'])
  })

  it('fail together where nobody answers', async () => {
    const { asked, call } = start(() => new ChatError('unavailable'))
    const outcomes = await Promise.allSettled([1, 2].map(call))
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    assert.deepEqual(asked, [[1, 2]])
  })
})
