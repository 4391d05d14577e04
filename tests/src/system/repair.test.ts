import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { addMembers, type Entry, postMessage, removeMember } from '@parley/contracts'
import { until } from '@parley/testkit'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

const lost = { losses: { 'realtime/message.stored': 1 } }
const found = { losses: {} }

describe('what was lost on its way', () => {
  it('comes with the next entry, whose seq shows the gap', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const laptop = await bob.device()
    await post(room.id, 'one')
    await laptop.message('one')
    chat.dapr.setFaults(lost)
    await Promise.all(['two', 'three'].map((text) => post(room.id, text)))
    chat.dapr.setFaults(found)
    await post(room.id, 'four')
    await laptop.message('four')
    const seqs = laptop.entries(room.id).map(({ seq }) => seq)
    assert.deepEqual(seqs, [4, 5, 6, 7])

    async function post(conversationId: typeof room.id, text: string) {
      const body = { clientId: text, text }
      await ann.insist(postMessage, { params: { conversationId }, body })
    }
  })

  it('comes by the heads where nothing follows', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const laptop = await bob.device()
    chat.dapr.setFaults(lost)
    const body = { clientId: 'c', text: 'the last word' }
    await ann.insist(postMessage, { params: { conversationId: room.id }, body })
    chat.dapr.setFaults(found)
    const message = await laptop.message('the last word')
    await laptop.until('heads', (heads) => heads[room.id] === message.seq)
  })

  it('does not keep a send from its acknowledgement, nor an addition from its conversation', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [])
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    chat.dapr.setFaults(lost)
    const sending = phone.send(room.id, 'hello')
    const params = { conversationId: room.id }
    await ann.insist(addMembers, { params, body: { userIds: [bob.id] } })
    chat.dapr.setFaults(found)
    await sending
    await phone.until('entry', ({ kind }) => kind === 'member')
    await laptop.until('conversation:added')
    await phone.send(room.id, 'welcome')
    await laptop.message('welcome')
  })
})

describe('a client that was away', () => {
  it('gets all that it missed, once and in order, and sends what it kept', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, app] = await Promise.all([ann.device(), bob.chat()])
    const entries: Entry[] = []
    app.on('entry', (entry) => entries.push(entry))
    app.follow(room.id, 0)
    await until(() => app.connection().status === 'online', 'the app is online')
    await phone.send(room.id, 'before')
    await until(() => entries.some(isText('before')), 'it came')
    app.disconnect()
    for (let i = 0; i < 450; i += 50)
      await Promise.all(Array.from({ length: 50 }, (_, j) => phone.send(room.id, `missed ${i + j}`)))
    const kept = app.send(room.id, { text: 'written offline' })
    assert.equal(app.outboxSize(), 1)
    app.connect()
    await kept.stored
    await until(() => entries.some(isText('written offline')), 'all is there')
    assert.deepEqual(entries, await ann.log(room.id))
  })

  it('is told what is gone, what is new and what is too far behind', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const [gone, long] = [await ann.group('Gone', [bob]), await ann.group('Long', [bob])]
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const before = await phone.send(long.id, 'first')
    laptop.close()
    const params = { conversationId: gone.id, userId: bob.id }
    await ann.call(removeMember, { params })
    const added = await ann.group('New', [bob])
    for (let i = 0; i < 1_001; i += 91)
      await Promise.all(Array.from({ length: 91 }, (_, j) => phone.send(long.id, `${i + j}`)))

    const back = await bob.device()
    const cursors = { [gone.id]: 3, [long.id]: before.seq }
    const answer = await back.ok('sync', { cursors })
    assert.deepEqual(answer.gone, [gone.id])
    assert.deepEqual(
      answer.conversations.map(({ id, unread, reset }) => [id, unread, reset]),
      [
        [long.id, 1_002, true],
        [added.id, 0, undefined],
      ],
    )
    const near = await back.ok('sync', { cursors: { [long.id]: before.seq + 500 } })
    assert.equal(near.conversations[0]?.reset, undefined)
  })

  it('is told of all its conversations, page by page, also those that it did not name', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann] = await chat.people('ann')
    const rooms = []
    for (let i = 0; i < 210; i += 30)
      rooms.push(...(await Promise.all(Array.from({ length: 30 }, (_, j) => ann.group(`${i + j}`, [])))))
    const phone = await ann.device()
    const cursors = { [rooms[0]?.id ?? '']: 1 }
    const first = await phone.ok('sync', { cursors })
    assert.equal(first.conversations.length, 200)
    assert.ok(first.cursor)
    const second = await phone.ok('sync', { cursors, cursor: first.cursor })
    assert.deepEqual([second.conversations.length, second.cursor, second.gone], [10, undefined, []])
    const told = [...first.conversations, ...second.conversations].map(({ id }) => id)
    assert.deepEqual(new Set(told), new Set(rooms.map(({ id }) => id)))
  })
})

const isText = (text: string) => (entry: Entry) => entry.kind === 'message' && entry.message.text === text
