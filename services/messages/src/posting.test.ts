import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { entriesPage, historyPage, limits, message as messageSchema } from '@parley/contracts'
import { type Messages, startMessages } from './testing/start-messages.ts'

let chat: Messages
let id: string
async function begin(options: Parameters<typeof startMessages>[0] = {}): Promise<void> {
  chat = await startMessages(options)
  const body = { kind: 'group', memberIds: ['bob'], clientId: 'x' }
  id = (await chat.as('ann')('POST', '/api/conversations', body)).body.id
}
afterEach(() => chat[Symbol.asyncDispose]())

const on = (name: string, method: string, path: string, body?: unknown) =>
  chat.as(name)(method, `/api/conversations/${id}${path}`, body)
const post = (name: string, clientId: string, more: Record<string, unknown> = {}) =>
  on(name, 'POST', '/messages', { clientId, text: `text of ${clientId}`, ...more })
const code = ({ status, body }: { status: number; body: { code?: string } }) =>
  `${status} ${body?.code ?? ''}`.trim()

describe('POST …/messages', () => {
  beforeEach(() => begin())

  it('stores a message and tells everybody, before it answers', async () => {
    const { status, body } = await post('ann', 'a1', { mentions: ['bob', 'bob'], text: 'hi $bob …\u007f🇩🇪' })
    assert.equal(status, 201)
    const message = messageSchema.parse(body)
    assert.deepEqual(
      [message.seq, message.rev, message.senderId, message.text, message.mentions, message.reactions],
      [4, 4, 'ann', 'hi $bob …\u007f🇩🇪', ['bob'], []],
    )
    const told = chat.published('message.stored').flatMap(({ conversations }) => conversations)
    const last = told.at(-1)
    assert.deepEqual([last.entries[0].message, last.memberIds.sort()], [body, ['ann', 'bob']])
  })

  it('a repeated clientId answers 200 with the original, now and on another replica', async () => {
    const { body } = await post('ann', 'a1')
    const again = await post('ann', 'a1', { text: 'other' })
    assert.deepEqual([again.status, again.body], [200, body])
    await chat.replicas[0]?.stop()
    await chat.startReplica()
    const later = await post('ann', 'a1')
    assert.deepEqual([later.status, later.body], [200, body])
    assert.equal((await post('bob', 'a1')).status, 201, 'the id is the sender’s own')
  })

  it('many times at once it is one message', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => post('ann', 'a1')))
    assert.equal(new Set(all.map(({ body }) => body.seq)).size, 1)
    await chat.idle()
    assert.equal((await on('ann', 'GET', '/messages')).body.items.length, 1)
  })

  it('a clientId that names something else is refused', async () => {
    await on('ann', 'PATCH', '', { title: 'T', clientId: 'x' })
    assert.equal(code(await post('ann', 'x')), '409 client_id_reused')
    await on('ann', 'POST', '/members', { userIds: ['bob'], clientId: 'nothing' })
    await post('bob', 'b1')
    assert.equal(code(await post('ann', 'nothing')), '409 client_id_reused')
  })

  it('answers and threads name what is there', async () => {
    await post('ann', 'a1')
    assert.equal((await post('bob', 'b1', { replyTo: 4 })).body.replyTo, 4)
    assert.equal((await post('bob', 'b2', { threadOf: 4 })).body.threadOf, 4)
    assert.equal(code(await post('bob', 'b3', { replyTo: 99 })), '404 message_not_found')
    assert.equal((await on('ann', 'GET', '/entries?after=0')).body.head, 6)
  })

  it('refuses what is no message, with the limit', async () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ clientId: 'x' }, '422 invalid_body'],
      [{ text: 'hi' }, '422 invalid_body'],
      [{ clientId: '', text: 'hi' }, '422 invalid_body'],
      [{ clientId: 'x'.repeat(129), text: 'hi' }, '422 invalid_body'],
      [{ clientId: 'x', text: ' \n' }, '422 invalid_body'],
      [{ clientId: 'x', text: 'x'.repeat(limits.textCharacters + 1) }, '422 invalid_body'],
      [{ clientId: 'x', text: 'hi', replyTo: 0 }, '422 invalid_body'],
      [{ clientId: 'x', text: 'hi', mentions: Array(101).fill('bob') }, '422 invalid_body'],
      [{ clientId: 'x', text: 'x'.repeat(limits.requestBodyBytes) }, '413 body_too_large'],
    ]
    for (const [body, expected] of cases)
      assert.equal(code(await on('ann', 'POST', '/messages', body)), expected)
    assert.equal((await on('ann', 'GET', '/messages')).body.head, 3)
  })
})

describe('GET …/messages and …/entries', () => {
  beforeEach(() => begin())

  it('pages of messages cover their range, with holes, and say where the log stands', async () => {
    for (let i = 1; i <= 7; i++) {
      await post('ann', `a${i}`)
      if (i % 3 === 0) await on('ann', 'PATCH', '', { title: `T${i}` })
    }
    const seen: number[] = []
    for (let before = ''; ; ) {
      const page = historyPage.parse((await on('bob', 'GET', `/messages?limit=3${before}`)).body)
      assert.deepEqual([page.head, page.asOf], [12, 12])
      seen.unshift(...page.items.map(({ seq }) => seq))
      if (!page.hasMore) break
      before = `&before=${page.fromSeq}`
    }
    assert.deepEqual(seen, [4, 5, 6, 8, 9, 10, 12])
    const after = historyPage.parse((await on('bob', 'GET', '/messages?after=6&limit=2')).body)
    assert.deepEqual(
      [after.items.map(({ seq }) => seq), after.fromSeq, after.toSeq, after.hasMore],
      [[8, 9], 7, 9, true],
    )
    historyPage.parse((await on('bob', 'GET', '/messages?before=0')).body)
    historyPage.parse((await on('bob', 'GET', '/messages?after=900')).body)
  })

  it('a page ends at 1 MiB', async () => {
    const text = 'ä'.repeat(4_000)
    await Promise.all(Array.from({ length: 150 }, (_, i) => post('ann', `a${i}`, { text })))
    const { body } = await on('bob', 'GET', '/messages?limit=200')
    assert.ok(body.hasMore && body.items.length > 100, `${body.items.length} messages`)
    assert.ok(Buffer.byteLength(JSON.stringify(body.items)) <= limits.pageBytes)
    const entries = (await on('bob', 'GET', '/entries?after=0&limit=200')).body
    assert.ok(entries.hasMore && entries.items.length > 100)
    assert.ok(Buffer.byteLength(JSON.stringify(entries.items)) <= limits.pageBytes)
  })

  it('entries follow a cursor without a gap', async () => {
    await post('ann', 'a1')
    await on('ann', 'PATCH', '', { title: 'T' })
    const seen: string[] = []
    for (let after = 0; ; ) {
      const page = entriesPage.parse((await on('bob', 'GET', `/entries?after=${after}&limit=2`)).body)
      assert.equal(page.head, 5)
      seen.push(...page.items.map(({ seq, kind }) => `${seq} ${kind}`))
      after += page.items.length
      if (!page.hasMore) break
    }
    assert.deepEqual(seen, ['1 conversation', '2 member', '3 member', '4 message', '5 conversation'])
    assert.deepEqual((await on('bob', 'GET', '/entries?after=99')).body, {
      items: [],
      head: 5,
      hasMore: false,
    })
  })

  it('refuses what it cannot read', async () => {
    for (const path of [
      '/messages?before=3&after=1',
      '/messages?limit=201',
      '/messages?limit=0',
      '/messages?before=x',
      '/messages?after=-1',
      '/entries',
      '/entries?after=1.5',
      '/entries?after=0&limit=201',
    ])
      assert.equal(code(await on('bob', 'GET', path)), '422 invalid_body', path)
  })
})

describe('POST …/read', () => {
  beforeEach(() => begin())

  it('moves the marker forward only, and says what is left', async () => {
    for (let i = 1; i <= 4; i++) await post('ann', `a${i}`)
    const read = async (seq: number) => (await on('bob', 'POST', '/read', { seq })).body
    assert.deepEqual(await read(5), { unread: 2 })
    assert.deepEqual(await read(4), { unread: 2 })
    assert.deepEqual(await read(900), { unread: 0 })
    await post('ann', 'a5')
    const { items } = (await chat.as('bob')('GET', '/api/conversations')).body
    assert.deepEqual([items[0].unread, items[0].readSeq], [1, 7], 'what was to come is not read')
    for (const body of [{}, { seq: 0 }, { seq: 'x' }])
      assert.equal(code(await on('bob', 'POST', '/read', body)), '422 invalid_body')
  })
})

describe('over the rate', () => {
  it('a message is refused with how long to wait; nothing else is', async () => {
    await begin({ rateLimits: true })
    const all = await Promise.all(
      Array.from({ length: limits.messageBurst + 5 }, (_, i) => post('ann', `a${i}`)),
    )
    const refused = all.filter(({ status }) => status === 429)
    assert.ok(refused.length >= 1 && refused.length <= 5)
    assert.ok(refused.every(({ body }) => body.code === 'rate_limited' && body.retryAfterMs > 0))
    assert.equal((await post('bob', 'b1')).status, 201)
    assert.equal((await on('ann', 'GET', '/messages')).status, 200)
  })
})
