import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { login, logout, subscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import { type RealSystem, startReal } from './start.ts'

let chat: RealSystem
before(async () => {
  chat = await startReal()
})
after(() => chat?.close())

describe('over real sidecars', () => {
  it('people log in and connect with their token, and with nothing else', async () => {
    const [ann] = await chat.people('ann')
    const { user } = ann.tokens
    const body = { username: user.username, password: 'not the password' }
    assert.equal(await ann.refused(login, { body }), 'bad_credentials')
    const again = await ann.login()
    const device = await again.device()
    assert.equal((await device.until('ready')).userId, ann.id)
    await again.call(logout)
    await device.until('session:revoked')
    const late = again.open()
    assert.equal((await late.refusedWith()).code, 'session_revoked')
    late.close()
  })

  it('a message is stored before it is acknowledged, and reaches every device of every member', async () => {
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
    await phone.until('receipt', ({ userId, readSeq }) => userId === bob.id && readSeq === sent.seq)
    await stranger.settled()
    assert.deepEqual(stranger.all('entry'), [])
  })

  it('coming and going reach who watches', async () => {
    const [ann, bob] = await chat.people('ann', 'bob')
    await ann.group('Team', [bob])
    const phone = await ann.device()
    const { items } = await phone.ok('presence:watch', { userIds: [bob.id] })
    assert.equal(items[0]?.status, 'offline')
    const laptop = await bob.device()
    await phone.until('presence', ({ status }) => status === 'online')
    laptop.close()
    await phone.until('presence', ({ status }) => status === 'offline')
  })

  it('a push reaches who is not there, once, and nobody who is', async () => {
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    for (const person of [bob, eve]) {
      const body = { kind: 'webpush', subscription: chat.push.subscription(person.id) } as const
      await person.call(subscribe, { body })
    }
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    await phone.ok('presence:watch', { userIds: [bob.id] })
    await until(async () => {
      const { items } = await phone.ok('presence:watch', { userIds: [bob.id] })
      return items[0]?.status === 'online'
    }, 'bob is known to be connected')
    for (let i = 1; i <= 3; i++) {
      await phone.send(room.id, `news ${i}`)
      await chat.push.until(eve.id, i)
    }
    await laptop.message('news 3')
    assert.deepEqual([chat.push.count(bob.id), chat.push.count(eve.id)], [0, 3])
  })

  it('the demo loses its connections on the way, and finds that all is well', async () => {
    const script = fileURLToPath(new URL('../../../tools/demo.mjs', import.meta.url))
    const args = [script, '--url', chat.parley.url, '--messages', '90']
    // Rejects, with all that was printed, where it ends with another code than 0.
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 })
    assert.match(stdout, /✓ stored +90 of 90\n.*✓ delivered +90 of 90 to Ada, 90 of 90 to Bob\n/s)
    assert.match(stdout, /✓ duplicates +0\n/)
    assert.match(stdout, /All is well/)
  })
})
