import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { subscribe } from '@parley/contracts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

describe('the four flows', () => {
  it('log in, connect, send to every member, tell presence, push to who is away', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    const body = { kind: 'webpush', subscription: chat.push.subscription('eve') } as const
    await eve.call(subscribe, { body })

    const phone = await ann.device()
    const { items } = await phone.ok('presence:watch', { userIds: [bob.id, eve.id] })
    assert.equal(items.length, 2)
    const laptop = await bob.device()
    const sent = await phone.send(room.id, 'hello')
    const [atAnn, atBob] = await Promise.all([phone.message('hello'), laptop.message('hello')])
    assert.deepEqual(atAnn, sent)
    assert.deepEqual(atBob, sent)
    assert.deepEqual((await bob.history(room.id)).at(-1), sent)
    await phone.until('presence', ({ userId, status }) => userId === bob.id && status === 'online')
    await chat.push.until('eve', 1)
  })
})
