import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heldLimit, type Ordering, type OrderingInput, startOrdering, stepOrdering } from './ordering.ts'
import { forSeeds, shuffled } from './testing/random.ts'

type E = { readonly seq: number }
const entry = (seq: number): OrderingInput<E> => ({ type: 'entry', entry: { seq } })
const page = (head: number, ...seqs: number[]): OrderingInput<E> => ({
  type: 'page',
  items: seqs.map((seq) => ({ seq })),
  head,
})
const head = (at: number): OrderingInput<E> => ({ type: 'head', head: at })

/** Start cursor, inputs, then what the last input brings. */
const table: [
  string,
  number,
  OrderingInput<E>[],
  { deliver: number[]; fetchAfter?: number; pause?: true; cursor: number },
][] = [
  ['an entry in its turn', 3, [entry(4)], { deliver: [4], cursor: 4 }],
  ['a doubled entry', 3, [entry(4), entry(4)], { deliver: [], cursor: 4 }],
  ['an old entry', 3, [entry(2)], { deliver: [], cursor: 3 }],
  ['a gap asks for what is missing', 3, [entry(6)], { deliver: [], fetchAfter: 3, cursor: 3 }],
  ['only one fetch is in flight', 3, [entry(6), entry(8)], { deliver: [], cursor: 3 }],
  ['the missing one comes by itself', 3, [entry(5), entry(4)], { deliver: [4, 5], cursor: 5 }],
  ['a page closes the gap', 3, [entry(6), page(6, 4, 5, 6)], { deliver: [4, 5, 6], cursor: 6 }],
  [
    'a page that does not reach the target asks on',
    0,
    [head(5), page(5, 1, 2)],
    { deliver: [1, 2], fetchAfter: 2, cursor: 2 },
  ],
  [
    'what was held is delivered behind the page',
    3,
    [entry(6), page(5, 4, 5)],
    { deliver: [4, 5, 6], cursor: 6 },
  ],
  ['a head ahead shows a lost last entry', 3, [head(4)], { deliver: [], fetchAfter: 3, cursor: 3 }],
  ['a head behind says nothing', 3, [head(2)], { deliver: [], cursor: 3 }],
  ['a page without progress pauses', 3, [head(5), page(3)], { deliver: [], pause: true, cursor: 3 }],
  ['a failed fetch pauses', 3, [head(5), { type: 'failed' }], { deliver: [], pause: true, cursor: 3 }],
  [
    'after the pause it is asked again',
    3,
    [head(5), { type: 'failed' }, { type: 'retry' }],
    { deliver: [], fetchAfter: 3, cursor: 3 },
  ],
  [
    'a failure that no longer matters',
    3,
    [entry(5), entry(4), { type: 'failed' }],
    { deliver: [], cursor: 5 },
  ],
  ['a reset goes on after the head', 3, [entry(9), { type: 'reset', head: 8 }], { deliver: [9], cursor: 9 }],
  ['a reset never goes back', 9, [{ type: 'reset', head: 5 }], { deliver: [], cursor: 9 }],
]

for (const [name, cursor, inputs, expected] of table) {
  test(name, () => {
    let state: Ordering<E> = startOrdering(cursor)
    let step = stepOrdering(state, { type: 'retry' })
    for (const input of inputs) {
      step = stepOrdering(state, input)
      state = step.state
    }
    const { deliver, fetchAfter, pause } = step
    assert.deepEqual(
      {
        deliver: deliver.map(({ seq }) => seq),
        ...(fetchAfter !== undefined && { fetchAfter }),
        ...(pause && { pause }),
        cursor: state.cursor,
      },
      expected,
    )
  })
}

test('entries ahead of a gap are bounded and come back by the fetch', () => {
  let state: Ordering<E> = startOrdering(0)
  const last = heldLimit + 50
  for (let seq = 2; seq <= last; seq++) state = stepOrdering(state, entry(seq)).state
  assert.equal(state.held.size, heldLimit)
  const step = stepOrdering(state, page(last, 1))
  assert.equal(step.state.cursor, heldLimit + 1)
  assert.equal(step.fetchAfter, heldLimit + 1)
})

test('lost, doubled and shuffled entries are delivered once each, in order, with one fetch at a time', () => {
  forSeeds(500, (random) => {
    const start = Math.floor(random() * 5)
    const last = start + 1 + Math.floor(random() * 40)
    const all = Array.from({ length: last - start }, (_, index) => start + 1 + index)
    const sent = all.flatMap((seq) => (random() < 0.3 ? [] : random() < 0.2 ? [seq, seq] : [seq]))
    const inputs: OrderingInput<E>[] = shuffled(sent, () => random() * 0.3).map(entry)
    inputs.push(head(last))

    let state: Ordering<E> = startOrdering(start)
    const delivered: number[] = []
    let inFlight: number | undefined
    let paused = false
    const apply = (input: OrderingInput<E>) => {
      const step = stepOrdering(state, input)
      state = step.state
      delivered.push(...step.deliver.map(({ seq }) => seq))
      if (step.pause) paused = true
      if (step.fetchAfter === undefined) return
      assert.equal(inFlight, undefined, 'two fetches at once')
      inFlight = step.fetchAfter
    }
    const answer = () => {
      const after = inFlight ?? 0
      inFlight = undefined
      const fate = random()
      if (fate < 0.2) apply({ type: 'failed' })
      else if (fate < 0.3) apply(page(after))
      else apply(page(last, ...all.filter((seq) => seq > after).slice(0, 1 + Math.floor(random() * 10))))
    }
    for (const input of inputs) {
      apply(input)
      if (inFlight !== undefined && random() < 0.3) answer()
    }
    for (let rounds = 0; inFlight !== undefined || paused; rounds++) {
      assert.ok(rounds < 1000, 'does not settle')
      if (paused) {
        paused = false
        apply({ type: 'retry' })
      } else answer()
    }
    assert.deepEqual(delivered, all)
  })
})
