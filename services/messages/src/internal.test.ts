import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { conversationChanged, internalEntries, internalSync, syncAnswer } from '@parley/contracts'
import { type Messages, startMessages } from './testing/start-messages.ts'

let chat: Messages
beforeEach(async () => {
  chat = await startMessages()
})
afterEach(() => chat[Symbol.asyncDispose]())

const begin = async (by: string, memberIds: string[], clientId: string): Promise<string> =>
  (await chat.as(by)('POST', '/api/conversations', { kind: 'group', memberIds, clientId })).body.id
const say = (by: string, id: string, clientId: string) =>
  chat.as(by)('POST', `/api/conversations/${id}/messages`, { clientId, text: clientId })
const ask = async (path: string, body: unknown) =>
  (await chat.internal('POST', `/internal/${path}`, body)).body

describe('what realtime asks', () => {
  it('the rooms of a person, with their heads', async () => {
    const [one, two] = [await begin('ann', ['bob'], '1'), await begin('bob', ['ann'], '2')]
    await say('ann', one, 'a1')
    await chat.as('bob')('DELETE', `/api/conversations/${two}/members/ann`)
    assert.deepEqual(await ask('memberships', { userId: 'ann' }), {
      items: [{ conversationId: one, head: 4 }],
    })
    assert.deepEqual(await ask('memberships', { userId: 'eve' }), { items: [] })
  })

  it('where they stand: also what was not named; what is gone; what is too far behind', async () => {
    const ids = [
      await begin('ann', ['bob'], '1'),
      await begin('ann', ['bob'], '2'),
      await begin('ann', ['bob'], '3'),
    ]
    const [one = '', two = '', three = ''] = ids
    await say('ann', one, 'a1')
    await chat.as('ann')('DELETE', `/api/conversations/${two}/members/bob`)
    const cursors = { [one]: 2, [two]: 3, g_unheard: 1 }
    const answer = syncAnswer.parse(await ask('sync', { userId: 'bob', cursors }))
    assert.deepEqual(
      answer.conversations.map(({ id, head, unread, readSeq, reset }) => [id, head, unread, readSeq, reset]),
      [
        [one, 4, 1, 0, undefined],
        [three, 3, 0, 0, undefined],
      ],
    )
    assert.deepEqual(answer.gone, [two, 'g_unheard'])
    const many = Array.from({ length: 1_001 }, (_, i) => say('ann', three, `b${i}`))
    await Promise.all(many)
    const later = syncAnswer.parse(await ask('sync', { userId: 'bob', cursors: { [three]: 2, [one]: 4 } }))
    assert.deepEqual(
      later.conversations.map(({ id, reset }) => [id, reset]),
      [
        [three, true],
        [one, undefined],
      ],
    )
    const restored = syncAnswer.parse(await ask('sync', { userId: 'bob', cursors: { [one]: 5 } }))
    assert.equal(restored.conversations.find(({ id }) => id === one)?.reset, true, 'ahead of the log')
    assert.ok(internalSync.body)
  })

  it('where they stand, page by page: what is gone is said once', async () => {
    for (let i = 0; i < 205; i++) await begin('ann', ['bob'], String(i))
    const first = syncAnswer.parse(await ask('sync', { userId: 'bob', cursors: { gone: 1 } }))
    assert.deepEqual([first.conversations.length, first.gone], [200, ['gone']])
    const second = syncAnswer.parse(
      await ask('sync', { userId: 'bob', cursors: { gone: 1 }, cursor: first.cursor }),
    )
    assert.deepEqual([second.conversations.length, second.gone, second.cursor], [5, [], undefined])
    const all = [...first.conversations, ...second.conversations]
    assert.equal(new Set(all.map(({ id }) => id)).size, 205)
  })

  it('a read marker, entries for a gap, a conversation', async () => {
    const id = await begin('ann', ['bob'], '1')
    for (const name of ['a1', 'a2', 'a3']) await say('ann', id, name)
    const conversationId = id
    assert.deepEqual(await ask('read', { userId: 'bob', conversationId, seq: 4 }), {
      readSeq: 4,
      unread: 2,
      mentions: 0,
    })
    assert.equal(
      (await ask('read', { userId: 'eve', conversationId, seq: 4 })).code,
      'conversation_not_found',
    )
    const page = internalEntries.answers[200].parse(
      await ask('entries', { conversationId, after: 3, limit: 2 }),
    )
    assert.deepEqual([page.items.map(({ seq }) => seq), page.head, page.hasMore], [[4, 5], 6, true])
    assert.deepEqual(await ask('entries', { conversationId: 'g_none', after: 0, limit: 2 }), {
      items: [],
      head: 0,
      hasMore: false,
    })
    const { conversation, memberIds } = await ask('conversation', { conversationId })
    assert.deepEqual([conversation.id, memberIds.sort()], [id, ['ann', 'bob']])
    assert.equal((await ask('conversation', { conversationId: 'g_none' })).code, 'conversation_not_found')
  })

  it('is for realtime alone', async () => {
    for (const [path, body] of [
      ['memberships', { userId: 'ann' }],
      ['sync', { userId: 'ann', cursors: {} }],
      ['acquaintances', { userId: 'ann', userIds: [] }],
    ] as const) {
      const answer = await chat.as('ann')('POST', `/internal/${path}`, body)
      assert.deepEqual([answer.status, answer.body.code], [403, 'forbidden'], path)
    }
    assert.equal((await chat.internal('GET', '/internal/dead-letters')).status, 403)
  })
})

describe('what presence asks', () => {
  it('whom of these a person shares a conversation with: themselves always, who has left no more', async () => {
    const id = await begin('ann', ['bob', 'cid'], '1')
    await begin('bob', ['dan'], '2')
    await chat.as('cid')('DELETE', `/api/conversations/${id}/members/cid`)
    const userIds = ['ann', 'bob', 'cid', 'dan', 'eve']
    const answer = async (userId: string) =>
      (await chat.presence('POST', '/internal/acquaintances', { userId, userIds })).body.userIds
    assert.deepEqual(await answer('ann'), ['ann', 'bob'])
    assert.deepEqual(await answer('bob'), ['ann', 'bob', 'dan'])
    assert.deepEqual(await answer('eve'), ['eve'])
  })
})

describe('heads', () => {
  it('are told when the service goes down', async () => {
    const id = await begin('ann', ['bob'], '1')
    await say('ann', id, 'a1')
    await chat.replicas[0]?.app.drain()
    const heads = chat
      .published(conversationChanged.topic)
      .map((event) => conversationChanged.data.parse(event).heads)
    assert.deepEqual(heads.at(-1), { [id]: 4 })
  })
})
