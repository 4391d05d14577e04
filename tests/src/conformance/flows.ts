/** The four flows that must work on whatever Parley runs. */
import assert from 'node:assert/strict'
import { login, logout, subscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import type { RealSystem } from '../dapr/start.ts'
import { settleMs } from '../people/traffic.ts'

/** People log in and connect with their token, and with nothing else. */
export async function loggingIn(chat: RealSystem): Promise<void> {
  const [ann] = await chat.people('ann')
  const body = { username: ann.tokens.user.username, password: 'not the password' }
  assert.equal(await ann.refused(login, { body }), 'bad_credentials')
  const again = await ann.login()
  const device = await again.device()
  assert.equal((await device.until('ready')).userId, ann.id)
  await again.call(logout)
  await device.until('session:revoked', undefined, settleMs)
  const late = again.open()
  assert.equal((await late.refusedWith()).code, 'session_revoked')
  late.close()
}

/** A message is stored before it is acknowledged, and reaches every device of every member, and nobody else. */
export async function sending(chat: RealSystem): Promise<void> {
  const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
  const room = await ann.group('Team', [bob])
  const [phone, tablet, laptop, stranger] = await Promise.all([
    ann.device(),
    ann.device(),
    bob.device(),
    eve.device(),
  ])
  const sent = await phone.send(room.id, 'hello')
  assert.deepEqual((await bob.history(room.id)).at(-1), sent)
  for (const device of [phone, tablet, laptop]) assert.deepEqual(await device.message('hello'), sent)
  await laptop.ok('conversation:read', { conversationId: room.id, seq: sent.seq })
  await phone.until('receipt', ({ userId, readSeq }) => userId === bob.id && readSeq === sent.seq, settleMs)
  await stranger.settled()
  assert.deepEqual(stranger.all('entry'), [])
}

/** Coming and going reach who watches. */
export async function comingAndGoing(chat: RealSystem): Promise<void> {
  const [ann, bob] = await chat.people('ann', 'bob')
  await ann.group('Team', [bob])
  const phone = await ann.device()
  const { items } = await phone.ok('presence:watch', { userIds: [bob.id] })
  assert.equal(items[0]?.status, 'offline')
  const laptop = await bob.device()
  await phone.until('presence', ({ status }) => status === 'online', settleMs)
  laptop.close()
  await phone.until('presence', ({ status }) => status === 'offline', settleMs)
}

/** A push reaches who is not there, once, and nobody who is. */
export async function pushing(chat: RealSystem): Promise<void> {
  const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
  const room = await ann.group('Team', [bob, eve])
  for (const person of [bob, eve]) {
    const body = { kind: 'webpush', subscription: chat.push.subscription(person.id) } as const
    await person.call(subscribe, { body })
  }
  const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
  await until(
    async () => {
      const { items } = await phone.ok('presence:watch', { userIds: [bob.id] })
      return items[0]?.status === 'online'
    },
    'bob is known to be connected',
    settleMs,
  )
  for (let i = 1; i <= 3; i++) {
    await phone.send(room.id, `news ${i}`)
    await chat.push.until(eve.id, i)
  }
  await laptop.message('news 3')
  assert.deepEqual([chat.push.count(bob.id), chat.push.count(eve.id)], [0, 3])
}
