import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { conversation as conversationSchema, limits } from '@parley/contracts'
import { type Messages, startMessages } from './testing/start-messages.ts'

let chat: Messages
beforeEach(async () => {
  chat = await startMessages()
})
afterEach(() => chat[Symbol.asyncDispose]())

const begin = (by: string, memberIds: string[], more: Record<string, unknown> = {}) =>
  chat.as(by)('POST', '/api/conversations', { kind: 'group', memberIds, ...more })
const code = ({ status, body }: { status: number; body: { code?: string } }) =>
  `${status} ${body?.code ?? ''}`.trim()

describe('POST /api/conversations', () => {
  it('makes a group, whose members see it', async () => {
    const { status, body } = await begin('ann', ['bob'], { title: 'Team' })
    assert.equal(status, 201)
    assert.deepEqual(conversationSchema.parse(body).memberIds?.toSorted(), ['ann', 'bob'])
    assert.deepEqual([body.kind, body.title, body.createdBy, body.memberCount], ['group', 'Team', 'ann', 2])
    for (const name of ['ann', 'bob']) {
      assert.deepEqual((await chat.as(name)('GET', `/api/conversations/${body.id}`)).body, body)
      const { items } = (await chat.as(name)('GET', '/api/conversations')).body
      assert.deepEqual(
        items.map(({ conversation }: { conversation: { id: string } }) => conversation.id),
        [body.id],
      )
    }
  })

  it('a repeated clientId answers 200 with the same; without one each is new', async () => {
    const first = await begin('ann', ['bob'], { clientId: 'x' })
    const again = await begin('ann', ['cid'], { clientId: 'x', title: 'Other' })
    assert.deepEqual([first.status, again.status], [201, 200])
    assert.deepEqual(again.body, first.body)
    const other = await begin('bob', ['ann'], { clientId: 'x' })
    assert.equal(other.status, 201)
    assert.notEqual(other.body.id, first.body.id)
    assert.notEqual((await begin('ann', ['bob'])).body.id, (await begin('ann', ['bob'])).body.id)
  })

  it('many times at once it is one conversation', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => begin('ann', ['bob'], { clientId: 'x' })))
    assert.equal(new Set(all.map(({ body }) => body.id)).size, 1)
    await chat.idle()
    const { body } = await chat.as('ann')('GET', `/api/conversations/${all[0]?.body.id}/entries?after=0`)
    assert.equal(body.head, 3)
  })

  it('a direct one of the same pair is one, whoever begins it and however often', async () => {
    const first = await begin('ann', ['bob'], { kind: 'direct', title: 'ignored' })
    assert.equal(first.status, 201)
    assert.equal(first.body.title, undefined)
    for (const [by, other] of [
      ['bob', 'ann'],
      ['ann', 'bob'],
      ['bob', 'ann'],
    ] as const) {
      const again = await begin(by, [other], { kind: 'direct' })
      assert.deepEqual([again.status, again.body], [200, first.body])
    }
    await chat.idle()
    const { body } = await chat.as('ann')('GET', `/api/conversations/${first.body.id}/entries?after=0`)
    assert.equal(body.head, 3)
    const both = await Promise.all([
      begin('cid', ['dan'], { kind: 'direct' }),
      begin('dan', ['cid'], { kind: 'direct' }),
    ])
    assert.equal(new Set(both.map(({ body }) => body.id)).size, 1)
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 201])
  })

  it('refuses what it cannot be', async () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ kind: 'direct', memberIds: ['bob', 'cid'] }, '422 invalid_body'],
      [{ kind: 'direct', memberIds: [] }, '422 invalid_body'],
      [{ kind: 'party', memberIds: [] }, '422 invalid_body'],
      [{ kind: 'group' }, '422 invalid_body'],
      [{ kind: 'group', memberIds: ['b b'] }, '422 invalid_body'],
      [{ kind: 'group', memberIds: [], title: ' ' }, '422 invalid_body'],
      [{ kind: 'group', memberIds: ['nobody'] }, '404 user_not_found'],
      [{ kind: 'direct', memberIds: ['nobody'] }, '404 user_not_found'],
    ]
    for (const [body, expected] of cases)
      assert.equal(
        code(await chat.as('ann')('POST', '/api/conversations', body)),
        expected,
        JSON.stringify(body),
      )
    assert.equal(code(await chat.as('ann')('POST', '/api/conversations', '{')), '400 body_not_json')
    assert.equal(code(await chat.nobody('POST', '/api/conversations', {})), '401 token_missing')
  })

  it('who has left it is not shown it again by the old clientId', async () => {
    const { body } = await begin('ann', ['bob'], { clientId: 'x', title: 'Team' })
    await chat.as('ann')('DELETE', `/api/conversations/${body.id}/members/ann`)
    assert.equal(code(await begin('ann', ['bob'], { clientId: 'x' })), '404 conversation_not_found')
  })
})

describe('GET /api/conversations', () => {
  it('lists the latest message first, page by page, with what is unread', async () => {
    const ids: string[] = []
    for (const name of ['one', 'two', 'three', 'four', 'five'])
      ids.push((await begin('ann', ['bob'], { clientId: name })).body.id)
    for (const id of [ids[1], ids[3], ids[0]])
      await chat.as('bob')('POST', `/api/conversations/${id}/messages`, {
        clientId: 'm',
        text: 'hi',
        mentions: ['ann'],
      })
    const seen: string[] = []
    for (let cursor: string | undefined; ; ) {
      const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const { body } = await chat.as('ann')('GET', `/api/conversations?limit=2${query}`)
      seen.push(...body.items.map(({ conversation }: { conversation: { id: string } }) => conversation.id))
      cursor = body.cursor
      if (cursor === undefined) break
    }
    assert.deepEqual(seen, [ids[0], ids[3], ids[1], ids[4], ids[2]])
    const { body } = await chat.as('ann')('GET', '/api/conversations?limit=1')
    const [first] = body.items
    assert.deepEqual(
      [first.head, first.unread, first.mentions, first.readSeq, first.lastMessage.text, first.muted],
      [4, 1, 1, 0, 'hi', false],
    )
    const mine = (await chat.as('bob')('GET', '/api/conversations?limit=1')).body.items[0]
    assert.deepEqual([mine.unread, mine.readSeq], [0, 4])
    assert.deepEqual((await chat.as('eve')('GET', '/api/conversations')).body, { items: [] })
  })

  for (const query of ['limit=0', 'limit=201', 'limit=x', `cursor=${'x'.repeat(300)}`])
    it(`refuses ?${query.slice(0, 20)}`, async () => {
      assert.equal(code(await chat.as('ann')('GET', `/api/conversations?${query}`)), '422 invalid_body')
    })
})

describe('a conversation and its members', () => {
  let id: string
  beforeEach(async () => {
    id = (await begin('ann', ['bob', 'cid'], { kind: 'channel', title: 'News' })).body.id
  })
  const on = (name: string, method: string, path: string, body?: unknown) =>
    chat.as(name)(method, `/api/conversations/${id}${path}`, body)

  it('does not exist for anybody else', async () => {
    const asked: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { title: 'Mine' }],
      ['GET', '/members'],
      ['POST', '/members', { userIds: ['eve'] }],
      ['PATCH', '/members/bob', { role: 'admin' }],
      ['DELETE', '/members/bob'],
      ['GET', '/messages'],
      ['POST', '/messages', { clientId: 'x', text: 'hi' }],
      ['GET', '/entries?after=0'],
      ['POST', '/read', { seq: 1 }],
    ]
    for (const [method, path, body] of asked) {
      const answers = [await on('eve', method, path, body)]
      answers.push(await chat.as('eve')(method, `/api/conversations/g_unheard-of${path}`, body))
      for (const answer of answers)
        assert.equal(code(answer), '404 conversation_not_found', `${method} ${path}`)
      assert.deepEqual(Object.keys(answers[0]?.body).sort(), Object.keys(answers[1]?.body).sort())
    }
    await chat.idle()
    assert.equal((await on('ann', 'GET', '/entries?after=0')).body.head, 4)
  })

  it('is renamed by who may', async () => {
    assert.equal((await on('ann', 'PATCH', '', { title: 'New' })).body.title, 'New')
    assert.equal(code(await on('bob', 'PATCH', '', { title: 'Mine' })), '403 forbidden')
    assert.equal(code(await on('ann', 'PATCH', '', { title: '' })), '422 invalid_body')
    assert.equal((await on('bob', 'GET', '')).body.title, 'New')
    assert.deepEqual(
      chat.published('message.rejected'),
      [],
      'no copy of it can come: nothing is put on record',
    )
    assert.equal(code(await on('bob', 'PATCH', '', { title: 'Mine', clientId: 'y' })), '403 forbidden')
    const told = chat.published('message.rejected').flatMap(({ items }) => items)
    assert.deepEqual([...new Set(told.map(({ clientId }) => clientId))], ['y'], 'by us, and by its copy')
    const named = { title: 'Once', clientId: 'x' }
    await on('ann', 'PATCH', '', named)
    await on('ann', 'PATCH', '', { title: 'Twice' })
    assert.equal((await on('ann', 'PATCH', '', named)).body.title, 'Twice', 'a repeat changes nothing')
  })

  it('takes in members, once, whom it then shows all of it', async () => {
    await on('ann', 'POST', '/messages', { clientId: 'm1', text: 'before' })
    const { status, body } = await on('ann', 'POST', '/members', { userIds: ['dan', 'bob'], clientId: 'x' })
    assert.deepEqual([status, body.memberCount], [200, 4])
    assert.equal(
      (await on('ann', 'POST', '/members', { userIds: ['dan'], clientId: 'x' })).body.memberCount,
      4,
    )
    assert.equal((await on('dan', 'GET', '/messages')).body.items[0].text, 'before')
    assert.equal(code(await on('bob', 'POST', '/members', { userIds: ['eve'] })), '403 forbidden')
    assert.equal(code(await on('ann', 'POST', '/members', { userIds: ['nobody'] })), '404 user_not_found')
    assert.equal(code(await on('ann', 'POST', '/members', { userIds: [] })), '422 invalid_body')
  })

  it('lists its members page by page', async () => {
    const names: string[] = []
    for (let cursor = ''; ; ) {
      const { body } = await on('bob', 'GET', `/members?limit=2${cursor && `&cursor=${cursor}`}`)
      names.push(
        ...body.items.map(({ userId, role }: { userId: string; role: string }) => `${userId} ${role}`),
      )
      cursor = body.cursor ?? ''
      if (!cursor) break
    }
    assert.deepEqual(names, ['ann owner', 'bob member', 'cid member'])
  })

  it('gives roles and takes them', async () => {
    assert.equal((await on('ann', 'PATCH', '/members/bob', { role: 'admin' })).status, 200)
    assert.equal((await on('bob', 'PATCH', '', { title: 'By an admin' })).status, 200)
    assert.equal(code(await on('bob', 'PATCH', '/members/cid', { role: 'admin' })), '403 forbidden')
    assert.equal(code(await on('ann', 'PATCH', '/members/eve', { role: 'admin' })), '404 member_not_found')
    assert.equal(code(await on('ann', 'PATCH', '/members/ann', { role: 'member' })), '403 forbidden')
    assert.equal(code(await on('ann', 'PATCH', '/members/bob', { role: 'king' })), '422 invalid_body')
  })

  it('lets go of members, who see nothing of it any more', async () => {
    assert.equal(code(await on('bob', 'DELETE', '/members/cid')), '403 forbidden')
    assert.equal((await on('ann', 'DELETE', '/members/cid')).status, 204)
    assert.equal((await on('ann', 'DELETE', '/members/cid')).status, 204, 'who is not there is gone')
    assert.equal(code(await on('cid', 'GET', '/messages')), '404 conversation_not_found')
    assert.deepEqual((await chat.as('cid')('GET', '/api/conversations')).body.items, [])
    assert.equal((await on('bob', 'DELETE', '/members/bob')).status, 204)
    assert.equal(code(await on('bob', 'GET', '')), '404 conversation_not_found')
    assert.equal((await on('ann', 'GET', '')).body.memberCount, 1)
  })

  it('a direct one keeps its two', async () => {
    const direct = (await begin('ann', ['bob'], { kind: 'direct' })).body.id
    const path = `/api/conversations/${direct}`
    assert.equal(code(await chat.as('ann')('DELETE', `${path}/members/ann`)), '403 forbidden')
    assert.equal(code(await chat.as('ann')('POST', `${path}/members`, { userIds: ['cid'] })), '403 forbidden')
    assert.equal(code(await chat.as('ann')('PATCH', path, { title: 'Us' })), '403 forbidden')
  })

  it('grows over several blocks, and shows its members only while they are few', async () => {
    const many = Array.from({ length: 150 }, (_, i) => `u${i}`)
    const { body } = await on('ann', 'POST', '/members', { userIds: many })
    assert.deepEqual([body.memberCount, body.memberIds], [153, undefined])
    assert.equal((await chat.as('u149')('GET', '/api/conversations')).body.items.length, 1)
    const [event] = chat.published('message.stored').slice(-1)
    assert.ok(event)
    assert.ok(limits.conversationMembers > 153)
  })
})
