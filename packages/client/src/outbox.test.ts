import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConversationId } from '@parley/contracts'
import {
  emptyLane,
  isEmptyLane,
  type Lane,
  type LaneInput,
  type LaneStep,
  type OutboxItem,
  stepLane,
  window,
} from './outbox.ts'
import { forSeeds } from './testing/random.ts'

const conversationId = 'c1' as ConversationId
const item = (clientId: string, attempt = 0): OutboxItem => ({
  conversationId,
  draft: { clientId, text: clientId },
  queuedAt: 0,
  order: Number.parseInt(clientId.replace(/^m/, ''), 36),
  state: 'waiting',
  attempt,
})
const queued = (clientId: string): LaneInput => ({ type: 'queued', item: item(clientId) })
/** As the answer of an attempt says, or an entry. */
const stored = (clientId: string, attempt?: number): LaneInput => ({
  type: 'stored',
  clientId,
  ...(attempt !== undefined && { attempt }),
})
const refused = (clientId: string, attempt: number, code: string, retryAfterMs?: number): LaneInput => ({
  type: 'refused',
  item: item(clientId, attempt),
  code,
  message: code,
  retryAfterMs,
  jitter: 0,
})
const again = (clientId: string): LaneInput => ({
  type: 'retried',
  clientId,
  newClientId: `${clientId}2`,
  order: 99,
})

function run(inputs: readonly (LaneInput | { at: number })[], online = true): LaneStep {
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
  return last
}

const table: [
  string,
  (LaneInput | { at: number })[],
  {
    send?: string[]
    wakeInMs?: number
    save?: string[]
    forget?: string[]
    left?: string[]
    owed?: string[]
  },
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
    { wakeInMs: 800, left: ['a sent', 'b sent'] },
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
    'a timer that is early, or a clock that was set back, does not leave the lane paused',
    [{ at: 5_000 }, queued('a'), refused('a', 1, 'unavailable', 800), { at: 1 }, { type: 'woken' }],
    { send: ['a'], left: ['a sent'] },
  ],
  [
    'stored after all, says its entry after the refusal: the server is sent it again, first',
    [
      queued('a'),
      queued('b'),
      refused('a', 1, 'unavailable', 800),
      stored('a'),
      { at: 800 },
      { type: 'woken' },
    ],
    { send: ['a', 'b'], left: ['b sent'], owed: ['a sent'] },
  ],
  [
    'stored, says its entry, and then comes the refusal: the same',
    [queued('a'), stored('a'), refused('a', 1, 'unavailable', 800), { type: 'woken' }],
    { send: ['a'], left: [], owed: ['a sent'] },
  ],
  [
    'no answer at all is no refusal: nothing is owed',
    [queued('a'), stored('a'), refused('a', 1, 'network')],
    { left: [] },
  ],
  [
    'what is owed is paid by any final answer',
    [queued('a'), stored('a'), refused('a', 1, 'unavailable'), { type: 'woken' }, stored('a', 2)],
    { left: [] },
  ],
  [
    'an answer to an earlier attempt pays nothing',
    [queued('a'), stored('a'), refused('a', 2, 'unavailable'), stored('a', 1)],
    { left: [], owed: ['a waiting'] },
  ],
  [
    'another connection owes nothing',
    [queued('a'), stored('a'), refused('a', 1, 'unavailable'), { type: 'offline' }, { type: 'online' }],
    { left: [] },
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
    { wakeInMs: 500, left: ['a sent'] },
  ],
  [
    'refused for good: failed, the next ones go on',
    [queued('a'), queued('b'), refused('a', 1, 'forbidden')],
    { save: ['a'], left: ['a failed', 'b sent'] },
  ],
  [
    'a failed one again gets a new id: the old one is bound to its refusal',
    [queued('a'), refused('a', 1, 'forbidden'), again('a')],
    { send: ['a2'], save: ['a2'], forget: ['a'], left: ['a2 sent'] },
  ],
  [
    'after `internal` it keeps its id: it may be stored yet',
    [queued('a'), refused('a', 1, 'internal'), again('a')],
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
    const states = (items: readonly OutboxItem[]) =>
      items.map(({ draft, state }) => `${draft.clientId} ${state}`)
    assert.deepEqual(
      {
        send: ids(step.send),
        wakeInMs: step.wakeInMs,
        save: ids(step.save),
        forget: step.forget,
        left: states(step.lane.items),
        owed: states(step.lane.owed),
      },
      { send: [], wakeInMs: undefined, save: [], forget: [], owed: [], ...expected },
    )
  })
}

test('at most a window is in flight; each answer lets the next go', () => {
  const many = Array.from({ length: window + 5 }, (_, index) => queued(`m${index}`))
  const full = run(many)
  assert.equal(full.lane.items.filter(({ state }) => state === 'sent').length, window)
  const next = stepLane(full.lane, stored('m0', 1), 0)
  assert.deepEqual(
    next.send.map(({ draft }) => draft.clientId),
    [`m${window}`],
  )
})

/**
 * A server as the protocol describes it. Sends are taken in order and stored in that order; the answers come later and
 * in any order; after a refusal, or an outcome that it does not know, it refuses what the same socket sent later, until
 * that send comes again.
 */
test('whatever the server refuses and the network loses, all are stored once, in order', () => {
  forSeeds(1_000, (random) => {
    const log: string[] = []
    let gate: { clientId: string; place: number } | undefined
    let place = 0
    let lane = emptyLane(true)
    let now = 0
    const wire: OutboxItem[] = []
    const outcomes: (() => void)[] = []
    const told: LaneInput[] = []
    const apply = (input: LaneInput) => {
      const step = stepLane(lane, input, now)
      lane = step.lane
      wire.push(...step.send)
    }
    const serve = () => {
      const sent = wire.shift()
      if (!sent) return
      const { clientId } = sent.draft
      const { attempt } = sent
      const mine = ++place
      const turnAway = (code: string) => {
        if (!gate || gate.place > mine) gate = { clientId, place: mine }
        told.push(refused(clientId, attempt, code, 5))
      }
      if (gate && gate.clientId !== clientId) return turnAway('rate_limited')
      gate = undefined
      if (random() < 0.15) return turnAway('rate_limited')
      if (!log.includes(clientId)) log.push(clientId)
      if (random() < 0.5) outcomes.push(() => told.push(stored(clientId)))
      const known = random() < 0.8
      outcomes.push(() => (known ? told.push(stored(clientId, attempt)) : turnAway('unavailable')))
      return undefined
    }
    const reconnect = () => {
      apply({ type: 'offline' })
      gate = undefined
      for (const list of [wire, outcomes, told]) list.length = 0
      apply({ type: 'online' })
    }
    const written = Array.from({ length: 1 + Math.floor(random() * 30) }, (_, index) => `m${index}`)
    const reconnects = random() < 0.5
    let next = 0
    for (let rounds = 0; next < written.length || !isEmptyLane(lane); rounds++) {
      assert.ok(rounds < 20_000, 'does not settle')
      now += 20
      if (lane.pausedUntil !== undefined && lane.pausedUntil <= now) apply({ type: 'woken' })
      const dice = random()
      if (dice < 0.2 && next < written.length) apply(queued(written[next++] ?? ''))
      else if (dice < 0.5) serve()
      else if (dice < 0.7) outcomes.splice(Math.floor(random() * outcomes.length), 1)[0]?.()
      else if (dice < 0.9) {
        const input = told.shift()
        if (input) apply(input)
      } else if (dice > 0.99 && reconnects) reconnect()
    }
    assert.deepEqual(log, written)
  })
})
