import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { getVapidPublicKey, setPreferences, subscribe, unsubscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import type { Person } from '../people/person.ts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

async function withPush(person: Person, device = person.name) {
  const body = { kind: 'webpush', subscription: chat.push.subscription(device) } as const
  return (await person.insist(subscribe, { body })).body
}

describe('push', () => {
  it('reaches who is not connected, once, whatever the broker does; and nobody else', async () => {
    chat = await startChat({ seed: 3 })
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    for (const person of [ann, bob, eve]) await withPush(person)
    await withPush(eve, 'tablet')
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    await until(() => connected(bob), 'bob is known to be connected')
    chat.dapr.setFaults({ duplicates: 0.7, maxDelayMs: 150, lostAnswers: 0.1, failures: 0.1 })
    const texts = Array.from({ length: 8 }, (_, i) => `news ${i}`)
    for (const text of texts) await phone.send(room.id, text)
    await Promise.all(['eve', 'tablet'].map((device) => chat.push.until(device, texts.length)))
    chat.dapr.setFaults({ duplicates: 0, maxDelayMs: 0, lostAnswers: 0, failures: 0 })
    for (const event of chat.dapr.published.filter(({ topic }) => topic === 'message.stored'))
      chat.dapr.publish('message.stored', event.data)
    await phone.send(room.id, 'the end')
    await Promise.all(['eve', 'tablet'].map((device) => chat.push.until(device, texts.length + 1)))
    await laptop.message('the end')
    assert.deepEqual(
      ['ann', 'bob', 'eve', 'tablet'].map((device) => chat.push.count(device)),
      [0, 0, texts.length + 1, texts.length + 1],
    )
  })

  it('begins when somebody goes and ends when they come', async () => {
    chat = await startChat()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.direct(bob)
    await withPush(bob)
    const phone = await ann.device()
    await phone.send(room.id, 'you are away')
    await chat.push.until('bob', 1)
    const laptop = await bob.device()
    await until(() => connected(bob), 'bob is known to be connected')
    await phone.send(room.id, 'you are here')
    await laptop.message('you are here')
    laptop.close()
    await until(() => events('presence.disconnected') === 1, 'bob is known to be gone')
    await until(async () => {
      await phone.send(room.id, 'away again')
      return chat.push.count('bob') >= 2
    }, 'a push comes')
  })

  it('is as people want it, and ends with the subscription', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    const { id } = await withPush(bob)
    await withPush(eve)
    assert.equal((await bob.call(getVapidPublicKey)).body.publicKey.length, 87)
    await bob.call(setPreferences, { body: { push: 'mentions', preview: true } })
    const phone = await ann.device()
    await phone.send(room.id, 'for all')
    await chat.push.until('eve', 1)
    const mention = { conversationId: room.id, clientId: 'm', text: 'bob!', mentions: [bob.id] }
    await phone.ok('message:send', mention)
    await Promise.all([chat.push.until('bob', 1), chat.push.until('eve', 2)])
    await bob.call(unsubscribe, { params: { subscriptionId: id } })
    chat.push.answer = 410
    await phone.ok('message:send', { ...mention, clientId: 'm2' })
    await chat.push.until('eve', 3)
    chat.push.answer = 201
    await withPush(eve, 'tablet')
    const notifications = chat.service('notifications')
    await until(async () => {
      const [phones, tablets] = [chat.push.count('eve'), chat.push.count('tablet')]
      await phone.send(room.id, 'still there?')
      await chat.push.until('tablet', tablets + 1)
      // Whatever is under way ends here.
      await notifications.stop()
      await notifications.start()
      return chat.push.count('eve') === phones
    }, 'the subscription that is gone is forgotten')
    assert.equal(chat.push.count('bob'), 1)
  })
})

const events = (topic: string) => chat.dapr.published.filter((event) => event.topic === topic).length
const connected = (person: Person) =>
  chat.dapr.published.some(
    ({ topic, data }) =>
      topic === 'presence.changed' &&
      (data as { items: { userId: string; status: string }[] }).items.some(
        ({ userId, status }) => userId === person.id && status === 'online',
      ),
  )
