import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { messageSubmitted, type SetAside, sessionRevoked } from '@parley/contracts'
import { type CloudEvent, createLogger, type DocumentStore, memoryDocumentStore } from '@parley/kit'
import { fakeClock } from '@parley/testkit'
import { createDeadLetters } from './dead-letters.ts'
import { givenUpIn } from './events.ts'
import { at, post } from './testing/builders.ts'
import { withCreates } from './testing/stores.ts'

function start(store: DocumentStore = memoryDocumentStore()) {
  const published: { topic: string; data: unknown }[] = []
  let broken = false
  const clock = fakeClock(Date.parse(at))
  const letters = createDeadLetters({
    store,
    sidecar: {
      async publishRaw(topic, data) {
        if (broken) throw new Error('no broker')
        published.push({ topic, data })
      },
    },
    clock,
    logger: createLogger('messages', 'silent'),
  })
  return {
    ...letters,
    clock,
    store,
    published,
    names: async () => (await letters.list()).map(({ app, id }) => `${app} ${id}`),
    break: (is: boolean) => {
      broken = is
    },
  }
}

const revoked = { userId: 'u1', sessionIds: ['s1'], reason: 'x' }
const event = (id: string, data: unknown = revoked, type: string = sessionRevoked.topic): CloudEvent => ({
  id,
  topic: 'dead-letter.realtime',
  type,
  data,
})
const submitted = { lane: 0, conversations: [{ conversationId: 'room', commands: [post('ann', 'a1')] }] }
const aside = (data: unknown = submitted): SetAside => ({
  reason: 'it fails',
  topic: messageSubmitted.topic,
  data,
})

describe('dead letters', () => {
  it('are kept in their order, with where they were to go and why they did not', async () => {
    const letters = start()
    await letters.keep('realtime', event('e1'))
    await letters.keep('realtime', event('e2', { nonsense: 1 }))
    await letters.keep('messages', event('e3', aside(), 'dead-letter.messages'))
    await letters.keep('realtime', event('e4', {}, 'unheard.of'))
    assert.deepEqual(
      (await letters.list()).map(({ id, topic, reason }) => [id, topic, reason.split('\n')[0]?.slice(0, 30)]),
      [
        ['e1', 'session.revoked', 'the subscriber refused it, or '],
        ['e2', 'session.revoked', 'does not fit its contract: ✖ I'],
        ['e3', 'message.submitted', 'it fails'],
        ['e4', 'dead-letter.realtime', 'its topic is not known'],
      ],
    )
  })

  it('one event that two apps have refused is two letters', async () => {
    const letters = start()
    await Promise.all([letters.keep('realtime', event('e1')), letters.keep('notifications', event('e1'))])
    assert.deepEqual((await letters.names()).sort(), ['notifications e1', 'realtime e1'])
  })

  it('what the broker brings again is kept once: here, on another replica, after a restart', async () => {
    const one = start()
    const two = start(one.store)
    for (let i = 0; i < 3; i++) await one.keep('realtime', event('e1'))
    await two.keep('realtime', event('e2'))
    await one.keep('realtime', event('e2'))
    await two.keep('realtime', event('e1'))
    await start(one.store).keep('realtime', event('e2'))
    assert.deepEqual(await one.names(), ['realtime e1', 'realtime e2'])
  })

  it('many at once, on two replicas, leave no gap', async () => {
    const one = start()
    const two = start(one.store)
    await Promise.all(
      Array.from({ length: 150 }, (_, i) => (i % 3 === 0 ? one : two).keep('realtime', event(`e${i}`))),
    )
    assert.equal((await one.list()).length, 150)
    const late = start(one.store)
    await late.keep('realtime', event('late'))
    assert.equal((await one.names()).at(-1), 'realtime late')
  })

  it('are brought again where it is not certain that they are kept; one that landed late is found', async () => {
    const memory = memoryDocumentStore()
    let lost = true
    const letters = start(
      withCreates(memory, 'dead', async (items, create) => {
        const outcomes = await create(items)
        return lost ? items.map(() => ({ outcome: 'unknown' })) : outcomes
      }),
    )
    await assert.rejects(letters.keep('realtime', event('e1')))
    lost = false
    await letters.keep('realtime', event('e1'))
    assert.deepEqual(await letters.names(), ['realtime e1'])
  })

  it('go to their topic again on request: all that have not yet, or those that are named', async () => {
    const letters = start()
    await letters.keep('realtime', event('e1'))
    await letters.keep('realtime', event('e2'))
    await letters.keep('realtime', event('e3', {}, 'unheard.of'))
    assert.equal(await letters.replay(['e2']), 1)
    assert.deepEqual(letters.published, [{ topic: 'session.revoked', data: revoked }])
    assert.equal(await letters.replay(undefined), 1, 'e1; nobody knows where e3 was to go')
    assert.equal(await letters.replay(undefined), 0)
    assert.equal(await letters.replay(['e2']), 1, 'who names it wants it')
    const [first] = await letters.list()
    assert.equal(first?.replayedAt, at)
  })

  it('stay to be sent where the broker does not take them', async () => {
    const letters = start()
    await letters.keep('realtime', event('e1'))
    letters.break(true)
    await assert.rejects(letters.replay(undefined))
    letters.break(false)
    assert.equal(await letters.replay(undefined), 1)
  })

  it('commands count as submitted again, whether they were set aside or given up on by daprd', async () => {
    const letters = start()
    await letters.clock.advance(60_000)
    await letters.keep('messages', event('e1', aside(), 'dead-letter.messages'))
    await letters.keep('messages', event('e2', submitted, messageSubmitted.topic))
    await letters.keep('messages', event('e3', aside('nonsense'), 'dead-letter.messages'))
    assert.equal(await letters.replay(undefined), 3)
    const again = { ...post('ann', 'a1'), submittedAt: '2026-01-01T00:01:00.000Z' }
    for (const { topic, data } of letters.published.slice(0, 2)) {
      assert.equal(topic, 'message.submitted')
      assert.deepEqual(messageSubmitted.data.parse(data).conversations[0]?.commands, [again])
    }
    assert.equal(letters.published[2]?.data, 'nonsense')
  })
})

describe('the commands that a letter gives up', () => {
  const named = {
    conversations: [
      { conversationId: 'room', commands: [{ senderId: 'ann', clientId: 'a1', submittedAt: at }] },
    ],
  }
  const unheardOf = {
    ...submitted,
    conversations: [{ conversationId: 'room', commands: [{ ...post('ann', 'a1'), kind: 'new' }] }],
  }
  const cases: [string, unknown, unknown][] = [
    ['what was set aside', aside(), named],
    ['… also where its kind is not known here', aside(unheardOf), named],
    ['not what daprd gave up on', submitted, undefined],
    ['not what was to go elsewhere', { ...aside(), topic: 'session.revoked' }, undefined],
    [
      'not what names nobody',
      aside({ conversations: [{ conversationId: 'room', commands: [{}] }] }),
      undefined,
    ],
    ['not nonsense', 7, undefined],
  ]
  for (const [what, data, expected] of cases) it(what, () => assert.deepEqual(givenUpIn(data), expected))
})
