import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import {
  addMembers,
  createConversation,
  getConversation,
  getEntries,
  getHistory,
  listConversations,
  markRead,
  removeMember,
  updateConversation,
  updateMember,
} from '@parley/contracts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

describe('membership', () => {
  it('brings a new member in while they are connected, with all that follows and the history before', async () => {
    chat = await startChat()
    const [ann, eve] = await chat.people('ann', 'eve')
    const room = await ann.group('Team', [])
    const params = { conversationId: room.id }
    const [phone, late] = await Promise.all([ann.device(), eve.device()])
    await phone.send(room.id, 'before')
    assert.equal(await eve.refused(getHistory, { params }), 'conversation_not_found')

    await ann.call(addMembers, { params, body: { userIds: [eve.id] } })
    await phone.send(room.id, 'after')
    await late.message('after')
    const first = late.heard().find(({ name }) => name === 'entry' || name === 'conversation:added')
    assert.equal(first?.name, 'conversation:added')
    assert.deepEqual(
      late.entries(room.id).map(({ kind }) => kind),
      ['member', 'message'],
    )
    assert.deepEqual(
      (await eve.history(room.id)).map(({ text }) => text),
      ['before', 'after'],
    )
    const { body } = await eve.call(listConversations)
    assert.deepEqual(
      body.items.map(({ conversation }) => conversation.memberIds?.toSorted()),
      [[ann.id, eve.id].sort()],
    )
  })

  it('lets nothing reach who was removed, in whatever way', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    const params = { conversationId: room.id }
    const [phone, laptop, out] = await Promise.all([ann.device(), bob.device(), eve.device()])
    const { seq } = await phone.send(room.id, 'for all')
    await out.message('for all')

    await ann.call(removeMember, { params: { ...params, userId: eve.id } })
    await out.until('conversation:removed', ({ conversationId }) => conversationId === room.id)
    const removal = out.entries(room.id).at(-1)
    assert.ok(removal?.kind === 'member' && removal.change === 'removed')
    out.forget()
    await phone.send(room.id, 'not for eve')
    phone.tell('typing:start', room.id)
    await phone.ok('conversation:read', { conversationId: room.id, seq })
    await laptop.message('not for eve')
    await Promise.all([laptop.until('typing'), laptop.until('receipt'), laptop.until('heads')])
    await out.settled()
    assert.deepEqual(out.heard(), [])

    for (const route of [getConversation, getHistory, getEntries]) {
      const query = route === getEntries ? { after: 0 } : {}
      assert.equal(await eve.refused(route, { params, query } as never), 'conversation_not_found', route.id)
    }
    assert.equal(await eve.refused(markRead, { params, body: { seq } }), 'conversation_not_found')
    const again = { conversationId: room.id, clientId: 'c', text: 'let me in' }
    assert.equal((await out.refused('message:send', again)).code, 'conversation_not_found')
    const ask = { conversationId: room.id, seq }
    assert.equal((await out.refused('conversation:read', ask)).code, 'conversation_not_found')
    out.tell('typing:start', room.id)
    const synced = await out.ok('sync', { cursors: { [room.id]: seq } })
    assert.deepEqual([synced.conversations, synced.gone], [[], [room.id]])
    await out.settled()
    await Promise.all([phone.settled(), laptop.settled()])
    assert.deepEqual(
      [...phone.all('typing'), ...laptop.all('typing')].filter(({ userId }) => userId === eve.id),
      [],
    )
    const elsewhere = await eve.device()
    await elsewhere.settled()
    await phone.send(room.id, 'nor for a new device')
    await laptop.message('nor for a new device')
    await elsewhere.settled()
    assert.deepEqual(elsewhere.entries(room.id), [])
  })

  it('takes somebody back who was removed', async () => {
    chat = await startChat()
    const [ann, eve] = await chat.people('ann', 'eve')
    const room = await ann.group('Team', [eve])
    const params = { conversationId: room.id }
    const [phone, other] = await Promise.all([ann.device(), eve.device()])
    await ann.call(removeMember, { params: { ...params, userId: eve.id } })
    await other.until('conversation:removed')
    await phone.send(room.id, 'while she is away')
    await ann.call(addMembers, { params, body: { userIds: [eve.id] } })
    await phone.send(room.id, 'welcome back')
    await other.until('conversation:added')
    await other.message('welcome back')
    assert.equal(
      other.all('entry').some((entry) => entry.kind === 'message' && entry.message.text !== 'welcome back'),
      false,
    )
    assert.equal((await eve.history(room.id)).length, 2)
  })

  it('lets people leave, and tells roles and titles to all', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    const params = { conversationId: room.id }
    const [laptop, other] = await Promise.all([bob.device(), eve.device()])
    await ann.call(updateConversation, { params, body: { title: 'Crew' } })
    const renamed = await laptop.until('entry', ({ kind }) => kind === 'conversation')
    assert.ok(renamed.kind === 'conversation' && renamed.conversation.title === 'Crew')
    await ann.call(updateMember, { params: { ...params, userId: bob.id }, body: { role: 'admin' } })
    await laptop.until('entry', (one) => one.kind === 'member' && one.role === 'admin')
    await eve.call(removeMember, { params: { ...params, userId: eve.id } })
    await other.until('conversation:removed')
    await laptop.until('entry', (one) => one.kind === 'member' && one.change === 'removed')
    const { body } = await bob.call(getConversation, { params })
    assert.deepEqual([body.title, body.memberCount], ['Crew', 2])
    assert.equal(
      await bob.refused(updateMember, { params: { ...params, userId: ann.id }, body: { role: 'member' } }),
      'forbidden',
    )
  })

  it('has one direct conversation of a pair, whoever starts it and however often', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    const [mine, theirs] = await Promise.all([ann.direct(bob), bob.direct(ann)])
    assert.equal(mine.id, theirs.id)
    await Promise.all([phone.until('conversation:added'), laptop.until('conversation:added')])
    const { status } = await bob.call(createConversation, {
      body: { kind: 'direct', memberIds: [ann.id] },
    })
    assert.equal(status, 200)
    await laptop.send(mine.id, 'hi')
    await phone.message('hi')
    assert.equal(phone.all('conversation:added').length, 1)
  })

  it('keeps everybody in order while members come and go and the broker doubles and reorders', async () => {
    chat = await startChat({ faults: { duplicates: 0.4, maxDelayMs: 120 }, rateLimits: false })
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob])
    const params = { conversationId: room.id }
    const [phone, laptop, other] = await Promise.all([ann.device(), bob.device(), eve.device()])
    for (let round = 0; round < 6; round++) {
      const sends = [phone.send(room.id, `a${round}`), laptop.send(room.id, `b${round}`)]
      await ann.insist(addMembers, { params, body: { userIds: [eve.id] } })
      sends.push(phone.send(room.id, `eve hears ${round}`))
      await other.message(`eve hears ${round}`)
      await ann.insist(removeMember, { params: { ...params, userId: eve.id } })
      sends.push(phone.send(room.id, `eve hears nothing ${round}`))
      await Promise.all(sends)
    }
    const log = await ann.log(room.id)
    await Promise.all([phone, laptop].map((one) => one.until('entry', ({ seq }) => seq === log.length)))
    for (const device of [phone, laptop])
      assert.deepEqual(
        device.entries(room.id).filter(({ seq }) => seq > 3),
        log.slice(3),
      )
    await other.settled()
    const heard = other.entries(room.id)
    assert.deepEqual(
      heard,
      log.filter(({ seq }) => heard.some((entry) => entry.seq === seq)),
    )
    const secret = heard.filter((one) => one.kind === 'message' && one.message.text.includes('nothing'))
    assert.deepEqual(secret, [])
  })
})
