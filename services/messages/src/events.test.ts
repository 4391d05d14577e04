import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import {
  type Command,
  componentNames,
  deadLetterTopic,
  laneOf,
  messageRejected,
  messageStored,
  messageSubmitted,
} from '@parley/contracts'
import { until } from '@parley/testkit'
import { post } from './testing/builders.ts'
import { type Messages, startMessages } from './testing/start-messages.ts'

let chat: Messages
let id: string
afterEach(() => chat[Symbol.asyncDispose]())

async function begin(options: Parameters<typeof startMessages>[0] = {}): Promise<void> {
  chat = await startMessages(options)
  const answer = await chat.as('ann')('POST', '/api/conversations', { kind: 'group', memberIds: ['bob'] })
  id = answer.body.id
}

const submit = (...commands: Command[]): void =>
  chat.dapr.publish(messageSubmitted.topic, {
    lane: laneOf(id),
    conversations: [{ conversationId: id, commands }],
  })

interface Message {
  readonly clientId: string
  readonly seq: number
}
const history = async (): Promise<Message[]> =>
  (await chat.as('ann')('GET', `/api/conversations/${id}/messages?limit=200`)).body.items
const stored = (): string[] =>
  chat
    .published(messageStored.topic)
    .flatMap((event) => messageStored.data.parse(event).conversations)
    .flatMap(({ entries }) =>
      entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message.clientId] : [])),
    )
const rejected = (): string[] =>
  chat
    .published(messageRejected.topic)
    .flatMap((event) => messageRejected.data.parse(event).items)
    .map(({ senderId, clientId, error }) => `${senderId}/${clientId} ${error.code}`)

/** From here on the store refuses what holds this text, as it would refuse a document that is too large for it. */
function refuse(text: string, family = 'log:'): { stop(): void } {
  const store = chat.dapr.store(componentNames.stores.messages)
  const save = store.save.bind(store)
  store.save = (items) =>
    items.some(({ key, value }) => key.startsWith(family) && JSON.stringify(value).includes(text))
      ? { status: 400 as never, message: 'the document is not taken' }
      : save(items)
  return {
    stop() {
      store.save = save
    },
  }
}

describe('message.submitted', () => {
  it('is not stored after a copy of it was refused over HTTP, even where it would be allowed again', async () => {
    await begin()
    const members = `/api/conversations/${id}/members`
    await chat.as('ann')('DELETE', `${members}/bob`)
    const answer = await chat.as('bob')('POST', `/api/conversations/${id}/messages`, {
      clientId: 'b1',
      text: 'hello',
    })
    assert.equal(answer.body.code, 'conversation_not_found')
    await chat.as('ann')('POST', members, { userIds: ['bob'] })
    submit(post('bob', 'b1'), post('bob', 'b2'))
    await chat.idle()
    assert.deepEqual(
      (await history()).map(({ clientId }) => clientId),
      ['b2'],
    )
    assert.ok(rejected().includes('bob/b1 conversation_not_found'))
  })

  it('is stored in the order of its senders, and told, once or more', async () => {
    await begin()
    submit(post('ann', 'a1'), post('bob', 'b1'), post('ann', 'a2'))
    submit(post('ann', 'a1'), post('eve', 'e1'))
    await chat.idle()
    const messages = await history()
    assert.deepEqual(
      messages.map(({ clientId }) => clientId),
      ['a1', 'b1', 'a2'],
    )
    assert.deepEqual([...new Set(stored())], ['a1', 'b1', 'a2'])
    assert.deepEqual(rejected(), ['eve/e1 conversation_not_found'])
  })

  it('two replicas, doubled, late, out of order, with failing sidecars: each is there once and was told', async () => {
    await begin({ replicas: 2, seed: 7 })
    chat.dapr.setFaults({ duplicates: 0.3, maxDelayMs: 50, lostAnswers: 0.05, failures: 0.05 })
    const names = Array.from({ length: 60 }, (_, i) => `a${i}`)
    for (let i = 0; i < names.length; i += 3)
      submit(...names.slice(i, i + 3).map((name) => post(i % 2 === 0 ? 'ann' : 'bob', name)))
    await until(() => new Set(stored()).size === names.length, 'all are told')
    chat.dapr.setFaults({ duplicates: 0, maxDelayMs: 0, lostAnswers: 0, failures: 0 })
    await chat.idle()
    const messages = await history()
    assert.deepEqual(messages.map(({ clientId }) => clientId).toSorted(), names.toSorted())
    assert.deepEqual(
      messages.map(({ seq }) => seq),
      messages.map((_, i) => i + 4),
    )
    assert.deepEqual(rejected(), [])
  })

  it('what does not fit its contract is a dead letter at once, and holds up nobody', async () => {
    await begin()
    chat.dapr.publish(messageSubmitted.topic, {
      lane: 1,
      conversations: [{ conversationId: id, commands: [{}] }],
    })
    submit(post('ann', 'a1'))
    await chat.idle()
    assert.deepEqual(stored(), ['a1'])
    const { items } = (await chat.operator('GET', '/internal/dead-letters')).body
    assert.deepEqual(
      items.map(({ app, topic, reason }: Record<string, string>) => [app, topic, reason?.split(':')[0]]),
      [['messages', 'message.submitted', 'does not fit its contract']],
    )
  })
})

describe('what cannot be handled', () => {
  it('is set aside alone, answered, and kept; all that came with it is stored', async () => {
    await begin()
    refuse('poison')
    submit(post('ann', 'a1'), post('bob', 'b1', 'poison'), post('bob', 'b2'), post('ann', 'a2'))
    await until(() => rejected().length > 0, 'it has its answer')
    await chat.idle()
    assert.deepEqual([...new Set(rejected())], ['bob/b1 internal'])
    assert.deepEqual(
      (await history()).map(({ clientId }) => clientId),
      ['a1', 'b2', 'a2'],
    )
    const { items } = (await chat.operator('GET', '/internal/dead-letters')).body
    assert.equal(items.length, 1)
    assert.deepEqual([items[0].topic, items[0].reason], ['message.submitted', 'ChatError: internal'])
    assert.deepEqual(
      items[0].event.data.data.conversations[0].commands.map(({ clientId }: Message) => clientId),
      ['b1'],
    )
  })

  it('has its answer also where the letter cannot be kept as it is', async () => {
    await begin()
    refuse('poison', '')
    submit(post('bob', 'b1', 'poison'))
    await until(() => rejected().length > 0, 'it has its answer')
    await chat.idle()
    const { items } = (await chat.operator('GET', '/internal/dead-letters')).body
    assert.match(items[0].reason, /the store refuses its data/)
    assert.deepEqual((await chat.operator('POST', '/internal/dead-letters/replay', {})).body, { replayed: 0 })
  })

  it('no copy of it is stored after that; sent again by the operator it is', async () => {
    await begin()
    const refusal = refuse('poison')
    submit(post('bob', 'b1', 'poison'))
    await until(() => rejected().length > 0, 'it has its answer')
    await chat.idle()
    refusal.stop()
    submit(post('bob', 'b1', 'poison'))
    await chat.idle()
    assert.deepEqual(await history(), [])
    const { body } = await chat.operator('POST', '/internal/dead-letters/replay', {})
    assert.deepEqual(body, { replayed: 1 })
    await chat.idle()
    assert.deepEqual(
      (await history()).map(({ clientId }) => clientId),
      ['b1'],
    )
    assert.deepEqual(stored(), ['b1'])
    await chat.operator('POST', '/internal/dead-letters/replay', {
      ids: (await chat.operator('GET', '/internal/dead-letters')).body.items.map(
        ({ id }: { id: string }) => id,
      ),
    })
    await chat.idle()
    assert.equal((await history()).length, 1, 'sent again twice, it is there once')
  })

  it('its sender may send it again, under the same clientId', async () => {
    await begin()
    const refusal = refuse('poison')
    submit(post('bob', 'b1', 'poison'))
    await until(() => rejected().length > 0, 'it has its answer')
    refusal.stop()
    const body = { clientId: 'b1', text: 'poison' }
    assert.equal((await chat.as('bob')('POST', `/api/conversations/${id}/messages`, body)).status, 201)
  })

  it('over HTTP it is an error, and a dead letter', async () => {
    await begin()
    refuse('poison')
    const body = { clientId: 'b1', text: 'poison' }
    const answer = await chat.as('bob')('POST', `/api/conversations/${id}/messages`, body)
    assert.deepEqual([answer.status, answer.body.code], [500, 'internal'])
    await chat.idle()
    assert.equal((await chat.operator('GET', '/internal/dead-letters')).body.items.length, 1)
  })

  it('set aside by another app it is refused for good, unless it is stored', async () => {
    await begin()
    submit(post('bob', 'b1'))
    await chat.idle()
    const aside = (command: unknown) =>
      chat.dapr.publish(deadLetterTopic('messages'), {
        reason: 'no outcome',
        topic: messageSubmitted.topic,
        data: { lane: 0, conversations: [{ conversationId: id, commands: [command] }] },
      })
    aside(post('bob', 'b1'))
    aside(post('bob', 'b2'))
    aside({ ...post('bob', 'b3'), kind: 'unheard-of' })
    await chat.idle()
    assert.deepEqual(rejected().sort(), ['bob/b2 internal', 'bob/b3 internal'])
    assert.ok(stored().filter((name) => name === 'b1').length > 1, 'who waits for b1 hears of it')
    assert.equal((await history()).length, 1)
  })
})

describe('a process that dies between the log and the inboxes', () => {
  it('leaves nobody without the conversation: the copy that comes again writes them all', async () => {
    await begin()
    const store = chat.dapr.store(componentNames.stores.messages)
    const save = store.save.bind(store)
    // What the first process would still write is lost with it; what it has logged stays.
    store.save = (items) =>
      items.some(({ key }) => key.startsWith('inbox:')) ? { status: 500, message: 'killed' } : save(items)
    const command: Command = {
      kind: 'add-members',
      userIds: ['cid', 'dan', 'eve'] as never,
      senderId: 'ann' as never,
      clientId: 'x',
      submittedAt: '2026-01-01T00:00:00.000Z',
    }
    submit(command)
    await until(() => chat.published(messageStored.topic).length > 2, 'the members are told')
    store.save = save
    await chat.replicas[0]?.stop()
    await chat.startReplica()
    await chat.idle()
    for (const name of ['cid', 'dan', 'eve'])
      assert.equal((await chat.as(name)('GET', '/api/conversations')).body.items.length, 1, name)
  })
})
