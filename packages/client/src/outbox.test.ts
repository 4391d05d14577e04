import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConversationId, Message } from '@parley/contracts'
import {
  emptyLane,
  type Lane,
  type LaneInput,
  type LaneStep,
  type OutboxItem,
  stepLane,
  window,
} from './outbox.ts'
import { forSeeds } from './testing/random.ts'

const conversationId = 'c1' as ConversationId
const item = (clientId: string): OutboxItem => ({
  conversationId,
  draft: { clientId, text: clientId },
  queuedAt: 0,
  order: 0,
  state: 'waiting',
  attempt: 0,
})
const queued = (clientId: string): LaneInput => ({ type: 'queued', item: item(clientId) })
const stored = (clientId: string): LaneInput => ({ type: 'stored', clientId, message: {} as Message })
const refused = (clientId: string, attempt: number, code: string, retryAfterMs?: number): LaneInput => ({
  type: 'refused',
  clientId,
  attempt,
  code,
  message: code,
  retryAfterMs,
  jitter: 0,
})

function run(inputs: readonly (LaneInput | { at: number })[], online = true): LaneStep & { now: number } {
  let lane: Lane = emptyLane(online)
  let now = 0
  let last: LaneStep = { lane, send: [], save: [], forget: [] }
  for (const input of inputs) {
    if ('at' in input) {
      now = input.at
      continue
    }
    last = stepLane(lane, input, now)
    lane = last.lane
  }
  return { ...last, now }
}

const table: [
  string,
  (LaneInput | { at: number })[],
  { send?: string[]; wakeAt?: number; save?: string[]; forget?: string[]; left?: string[] },
][] = [
  ['online: sent at once, kept in storage', [queued('a')], { send: ['a'], save: ['a'], left: ['a sent'] }],
  ['offline: waits', [{ type: 'offline' }, queued('a')], { save: ['a'], left: ['a waiting'] }],
  [
    'online again: all in order',
    [{ type: 'offline' }, queued('a'), queued('b'), { type: 'online' }],
    { send: ['a', 'b'], left: ['a sent', 'b sent'] },
  ],
  ['stored: forgotten', [queued('a'), stored('a')], { forget: ['a'], left: [] }],
  ['stored twice: nothing', [queued('a'), stored('a'), stored('a')], { left: [] }],
  [
    'a lost connection: what has no answer is sent again with the same id',
    [queued('a'), queued('b'), stored('a'), { type: 'offline' }, { type: 'online' }],
    { send: ['b'], left: ['b sent'] },
  ],
  [
    'over the rate: pauses for as long as it was told',
    [queued('a'), queued('b'), refused('a', 1, 'rate_limited', 800)],
    { wakeAt: 800, left: ['a sent', 'b sent'] },
  ],
  [
    'what is written in the pause waits behind',
    [queued('a'), refused('a', 1, 'overloaded', 800), queued('b')],
    { save: ['b'], left: ['a sent', 'b waiting'] },
  ],
  [
    'after the pause: again from the refused one on, in order',
    [
      queued('a'),
      queued('b'),
      refused('a', 1, 'rate_limited', 800),
      refused('b', 1, 'rate_limited', 800),
      queued('c'),
      { at: 800 },
      { type: 'woken' },
    ],
    { send: ['a', 'b', 'c'], left: ['a sent', 'b sent', 'c sent'] },
  ],
  [
    'a refusal of an earlier round does not pause the next',
    [
      queued('a'),
      queued('b'),
      refused('a', 1, 'rate_limited', 800),
      { at: 800 },
      { type: 'woken' },
      refused('b', 1, 'rate_limited', 800),
    ],
    { left: ['a sent', 'b sent'] },
  ],
  [
    'woken too early: nothing',
    [queued('a'), refused('a', 1, 'unavailable', 800), { type: 'woken' }],
    { left: ['a sent'] },
  ],
  [
    'no retryAfterMs: backs off by itself',
    [
      queued('a'),
      refused('a', 1, 'unavailable'),
      { at: 250 },
      { type: 'woken' },
      refused('a', 2, 'unavailable'),
    ],
    { wakeAt: 750, left: ['a sent'] },
  ],
  [
    'refused for good: failed, the next ones go on',
    [queued('a'), queued('b'), refused('a', 1, 'forbidden')],
    { save: ['a'], left: ['a failed', 'b sent'] },
  ],
  [
    'a failed one again gets a new id: the old one is bound to its refusal',
    [queued('a'), refused('a', 1, 'forbidden'), { type: 'retried', clientId: 'a', newClientId: 'a2' }],
    { send: ['a2'], save: ['a2'], forget: ['a'], left: ['a2 sent'] },
  ],
  [
    'after `internal` it keeps its id: it may be stored yet',
    [queued('a'), refused('a', 1, 'internal'), { type: 'retried', clientId: 'a', newClientId: 'a2' }],
    { send: ['a'], save: ['a'], left: ['a sent'] },
  ],
  [
    'what is under way cannot be discarded',
    [queued('a'), { type: 'discarded', clientId: 'a' }],
    { left: ['a sent'] },
  ],
  [
    'a failed one can',
    [queued('a'), refused('a', 1, 'forbidden'), { type: 'discarded', clientId: 'a' }],
    { forget: ['a'], left: [] },
  ],
]

for (const [name, inputs, expected] of table) {
  test(name, () => {
    const step = run(inputs)
    const ids = (items: readonly OutboxItem[]) => items.map(({ draft }) => draft.clientId)
    assert.deepEqual(
      {
        send: ids(step.send),
        wakeAt: step.wakeAt,
        save: ids(step.save),
        forget: step.forget,
        left: step.lane.items.map(({ draft, state }) => `${draft.clientId} ${state}`),
      },
      { send: [], wakeAt: undefined, save: [], forget: [], ...expected },
    )
  })
}

test('at most a window is in flight; each answer lets the next go', () => {
  const many = Array.from({ length: window + 5 }, (_, index) => queued(`m${index}`))
  const full = run(many)
  assert.equal(full.lane.items.filter(({ state }) => state === 'sent').length, window)
  const next = stepLane(full.lane, stored('m0'), 0)
  assert.deepEqual(
    next.send.map(({ draft }) => draft.clientId),
    [`m${window}`],
  )
})

/** A server as the protocol describes it: after a refusal it refuses the rest until the refused one comes again. */
test('whatever the server refuses and the network loses, all are stored once, in order', () => {
  forSeeds(500, (random) => {
    const log: string[] = []
    let first: string | undefined
    let lane = emptyLane(true)
    let now = 0
    let connection = 1
    const wire: { connection: number; item: OutboxItem }[] = []
    const answers: { connection: number; input: LaneInput }[] = []
    const apply = (input: LaneInput) => {
      const step = stepLane(lane, input, now)
      lane = step.lane
      for (const each of step.send) wire.push({ connection, item: each })
    }
    const serve = () => {
      const sent = wire.shift()
      if (!sent || sent.connection !== connection) return
      const { clientId } = sent.item.draft
      const answer = (input: LaneInput) => random() < 0.9 && answers.push({ connection, input })
      if (first !== undefined && first !== clientId) {
        answer(refused(clientId, sent.item.attempt, 'rate_limited', 5))
        return
      }
      first = undefined
      if (random() < 0.15) {
        first = clientId
        answer(refused(clientId, sent.item.attempt, 'rate_limited', 5))
        return
      }
      if (!log.includes(clientId)) log.push(clientId)
      if (random() < 0.1) answer(refused(clientId, sent.item.attempt, 'unavailable'))
      else answer(stored(clientId))
    }
    const reconnect = () => {
      apply({ type: 'offline' })
      connection++
      first = undefined
      wire.length = 0
      apply({ type: 'online' })
    }
    const written = Array.from({ length: 1 + Math.floor(random() * 30) }, (_, index) => `m${index}`)
    let next = 0
    for (let rounds = 0; next < written.length || lane.items.length > 0; rounds++) {
      assert.ok(rounds < 20_000, 'does not settle')
      const dice = random()
      if (dice < 0.2 && next < written.length) apply(queued(written[next++] ?? ''))
      else if (dice < 0.55) serve()
      else if (dice < 0.85) {
        const answer = answers.shift()
        if (answer && answer.connection === connection) apply(answer.input)
      } else if (dice < 0.98) {
        now += 500
        if (lane.pausedUntil !== undefined) apply({ type: 'woken' })
      } else reconnect()
    }
    assert.deepEqual(log, written)
  })
})
