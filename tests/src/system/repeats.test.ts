import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import {
  addMembers,
  createConversation,
  postMessage,
  updateConversation,
  updateMember,
} from '@parley/contracts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

describe('whatever takes a client id', () => {
  it('has the outcome of the first time, over whichever door it comes again', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const params = { conversationId: room.id }
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const first = await phone.send(room.id, 'one', 'socket-first')
    assert.deepEqual(await phone.send(room.id, 'another text', 'socket-first'), first)
    const overHttp = await ann.call(postMessage, { params, body: { clientId: 'socket-first', text: 'x' } })
    assert.deepEqual(overHttp, { status: 200, body: first })

    const posted = await ann.call(postMessage, { params, body: { clientId: 'http-first', text: 'two' } })
    assert.equal(posted.status, 201)
    assert.deepEqual(await phone.send(room.id, 'x', 'http-first'), posted.body)
    const both = await Promise.all([
      phone.send(room.id, 'three', 'at-once'),
      phone.send(room.id, 'three', 'at-once'),
      ann
        .call(postMessage, { params, body: { clientId: 'at-once', text: 'three' } })
        .then(({ body }) => body),
    ])
    assert.deepEqual(both, Array(3).fill(both[0]))
    // The same id of somebody else is another message.
    assert.notEqual((await laptop.send(room.id, 'mine', 'at-once')).seq, both[0]?.seq)
    assert.equal((await ann.history(room.id)).length, 4)
  })

  it('also long after, when the entry has left the memory of the service', async () => {
    chat = await startChat({ rateLimits: false })
    const [ann] = await chat.people('ann')
    const room = await ann.group('Team', [])
    const phone = await ann.device()
    const first = await phone.send(room.id, 'first', 'long-ago')
    for (let i = 0; i < 120; i += 30)
      await Promise.all(Array.from({ length: 30 }, (_, j) => phone.send(room.id, `${i + j}`)))
    const messages = chat.service('messages')
    await messages.stop()
    await messages.start()
    assert.deepEqual(await phone.send(room.id, 'again', 'long-ago'), first)
    assert.equal((await ann.history(room.id)).length, 121)
  })

  it('also a refusal, to whom the answer did not get through', async () => {
    chat = await startChat()
    const [ann, eve] = await chat.people('ann', 'eve')
    const room = await ann.group('Team', [])
    const device = await eve.device()
    const message = { conversationId: room.id, clientId: 'refused', text: 'let me in' }
    const first = await device.refused('message:send', message)
    await ann.call(addMembers, { params: { conversationId: room.id }, body: { userIds: [eve.id] } })
    await device.until('conversation:added')
    assert.deepEqual(await device.refused('message:send', message), first)
    await device.send(room.id, 'now')
  })

  it('when answers are lost', async () => {
    chat = await startChat({ seed: 5 })
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    chat.dapr.setFaults({ lostCalls: 0.3, lostAnswers: 0.1, duplicates: 0.3 })
    const body = { kind: 'group' as const, title: 'Team', memberIds: [bob.id], clientId: 'create' }
    const created = await Promise.all([1, 2, 3].map(() => ann.insist(createConversation, { body })))
    const [room] = created.map((answer) => answer.body)
    assert.ok(room)
    assert.equal(new Set(created.map((answer) => answer.body.id)).size, 1)
    const params = { conversationId: room.id }
    for (let i = 0; i < 3; i++) {
      await ann.insist(addMembers, { params, body: { userIds: [eve.id], clientId: 'add' } })
      await ann.insist(updateConversation, { params, body: { title: 'Crew', clientId: 'rename' } })
      await ann.insist(updateMember, {
        params: { ...params, userId: eve.id },
        body: { role: 'admin', clientId: 'promote' },
      })
      await ann.insist(postMessage, { params, body: { text: 'once', clientId: 'post' } })
    }
    const log = await ann.log(room.id)
    assert.deepEqual(
      log.map((entry) => (entry.kind === 'member' ? entry.change : entry.kind)),
      ['conversation', 'added', 'added', 'added', 'conversation', 'role', 'message'],
    )
  })
})
