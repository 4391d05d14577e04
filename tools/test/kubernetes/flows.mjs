import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { login, logout, subscribe } from '@parley/contracts'

/** @param {import('./world.mjs').World} world */
export function flows(world) {
  describe('the four flows', () => {
    test('people log in and connect with their token, until they log out', async () => {
      const ann = await world.person('ann')
      const again = await ann.login()
      const device = await again.device()
      assert.equal((await device.until('ready')).userId, ann.id)
      await again.call(logout)
      await device.until('session:revoked')
      assert.equal(
        await ann.refused(login, { body: { username: 'nobody-here', password: 'not the password' } }),
        'bad_credentials',
      )
    })

    test('a message is stored before it is acknowledged, and reaches every device of every member', async () => {
      const [ann, bob] = await Promise.all([world.person('ann'), world.person('bob')])
      const room = await ann.group('Team', [bob])
      const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
      const sent = await phone.send(room.id, 'hello')
      assert.deepEqual((await bob.history(room.id)).at(-1), sent)
      for (const device of [phone, laptop]) assert.deepEqual(await device.message('hello'), sent)
    })

    test('coming and going reach who watches', async () => {
      const [ann, bob] = await Promise.all([world.person('ann'), world.person('bob')])
      await ann.group('Team', [bob])
      const phone = await ann.device()
      await phone.ok('presence:watch', { userIds: [bob.id] })
      const laptop = await bob.device()
      await phone.until('presence', (/** @type {any} */ { status }) => status === 'online')
      laptop.close()
      await phone.until('presence', (/** @type {any} */ { status }) => status === 'offline')
    })

    test('a push reaches who is not there', async () => {
      const [ann, eve] = await Promise.all([world.person('ann'), world.person('eve')])
      const room = await ann.group('Team', [eve])
      await eve.call(subscribe, {
        body: { kind: 'webpush', subscription: world.system().push.subscription(eve.id) },
      })
      const phone = await ann.device()
      await phone.send(room.id, 'news')
      await world.system().push.until(eve.id, 1)
    })
  })
}
