import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type ConversationId, listConversations, markRead } from '@parley/contracts'
import { until } from '@parley/testkit'
import type { Person } from '../people/person.ts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

async function summary(person: Person, id: ConversationId) {
  const { body } = await person.call(listConversations)
  const found = body.items.find(({ conversation }) => conversation.id === id)
  assert.ok(found)
  const { unread, mentions, readSeq } = found
  return { unread, mentions, readSeq }
}

describe('reading', () => {
  it('counts what others wrote since, mentions too, and the same over every door', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const first = await phone.send(room.id, 'one')
    const { message } = await phone.ok('message:send', {
      conversationId: room.id,
      clientId: 'm',
      text: 'two, bob',
      mentions: [bob.id],
    })
    await laptop.message('two, bob')
    assert.deepEqual(await summary(bob, room.id), { unread: 2, mentions: 1, readSeq: 0 })
    assert.equal((await summary(ann, room.id)).unread, 0)
    const [synced] = (await laptop.ok('sync', { cursors: {} })).conversations
    assert.deepEqual([synced?.head, synced?.unread, synced?.mentions], [message.seq, 2, 1])

    const read = { conversationId: room.id, seq: first.seq }
    assert.equal((await laptop.ok('conversation:read', read)).unread, 1)
    assert.deepEqual(await summary(bob, room.id), { unread: 1, mentions: 1, readSeq: first.seq })
    const all = { params: { conversationId: room.id }, body: { seq: message.seq } }
    assert.deepEqual((await bob.call(markRead, all)).body, { unread: 0 })
    assert.equal((await laptop.ok('conversation:read', read)).unread, 0)
    assert.equal((await summary(bob, room.id)).readSeq, message.seq)
  })

  it('is moved by posting, for who posts alone', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    await phone.send(room.id, 'question')
    const { seq } = await laptop.send(room.id, 'answer')
    assert.deepEqual(await summary(bob, room.id), { unread: 0, mentions: 0, readSeq: seq })
    assert.equal((await summary(ann, room.id)).unread, 1)
  })

  it('is told to my other devices and to nobody else of mine, and as a receipt to the others', async () => {
    chat = await startChat({ faults: { duplicates: 0.5, maxDelayMs: 60 } })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const devices = await Promise.all([ann.device(), bob.device(), bob.device()])
    const [phone, laptop, tablet] = devices
    const { seq } = await phone.send(room.id, 'read me')
    await laptop.ok('conversation:read', { conversationId: room.id, seq })
    assert.deepEqual(await tablet.until('read'), {
      conversationId: room.id,
      readSeq: seq,
      unread: 0,
      mentions: 0,
    })
    assert.deepEqual(await phone.until('receipt'), {
      conversationId: room.id,
      userId: bob.id,
      deliveredSeq: seq,
      readSeq: seq,
    })
    await Promise.all(devices.map((device) => device.settled()))
    assert.deepEqual([phone.all('read'), laptop.all('read')], [[], []])
    assert.deepEqual([laptop.all('receipt'), tablet.all('receipt')], [[], []])
  })

  it('is told as well when it was said over HTTP, then to all my devices', async () => {
    chat = await startChat({ faults: { duplicates: 0.5, maxDelayMs: 60 } })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const { seq } = await phone.send(room.id, 'read me')
    await bob.insist(markRead, { params: { conversationId: room.id }, body: { seq } })
    const read = await laptop.until('read')
    assert.deepEqual(read, { conversationId: room.id, readSeq: seq, unread: 0, mentions: 0 })
    await phone.until('receipt', ({ userId, readSeq }) => userId === bob.id && readSeq === seq)
    await phone.settled()
    assert.deepEqual(phone.all('read'), [])
  })

  it('tells the newest of many markers at once, in small conversations only', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const sent = await Promise.all(Array.from({ length: 20 }, (_, i) => phone.send(room.id, `${i}`)))
    const last = Math.max(...sent.map(({ seq }) => seq))
    await Promise.all(sent.map(({ seq }) => laptop.ok('conversation:read', { conversationId: room.id, seq })))
    await phone.until('receipt', ({ readSeq }) => readSeq === last)
    const told = phone.all('receipt').map(({ readSeq }) => readSeq)
    assert.deepEqual(
      told,
      [...new Set(told)].sort((a, b) => a - b),
    )
    assert.ok(told.length < sent.length / 2)
    await until(async () => (await summary(bob, room.id)).readSeq === last, 'the marker stands at the end')
  })
})
