import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@parley/testkit'
import { type Person, signUp } from '../people.ts'
import { conversation, find, shows, texts, write } from '../screen.ts'
import type { World } from '../world.ts'

export function offlineSuite(world: () => World): void {
  describe('someone who loses the connection', () => {
    let ann: Person
    let bob: Person
    const said: string[] = []

    before(async () => {
      ann = await world().arrive('Ann')
      bob = await world().arrive('Bob')
      await signUp(ann)
      await signUp(bob)
      await find(ann.page, bob)
      await write(ann.page, 'before')
      await conversation(bob.page, 'Ann').click()
      said.push('before')
      await shows(bob.page, said)
    })
    after(() => world().clear())

    it('gets and sends everything when they are back, once and in order, without a reload', async () => {
      await bob.page.evaluate('globalThis.notReloaded = true')
      await bob.page.context().setOffline(true)
      bob.line.become('cut')
      await bob.page.getByText('You are offline').waitFor()
      await write(bob.page, 'bob 1', 'bob 2', 'bob 3')
      await write(ann.page, 'ann 1', 'ann 2')
      await shows(ann.page, ['before', 'ann 1', 'ann 2'])
      assert.deepEqual(await texts(bob.page), ['before', 'bob 1', 'bob 2', 'bob 3'])
      assert.deepEqual(await texts(bob.page, 'waiting'), ['bob 1', 'bob 2', 'bob 3'])

      // It is said for a moment only.
      const saidSo = bob.page.getByText('Connected again').waitFor()
      bob.line.become('open')
      await bob.page.context().setOffline(false)
      await saidSo
      said.push('ann 1', 'ann 2', 'bob 1', 'bob 2', 'bob 3')
      await shows(bob.page, said)
      await shows(ann.page, said)
      assert.equal(await bob.page.evaluate('globalThis.notReloaded'), true)
    })

    it('keeps the session and what is unsent over a reload', async () => {
      bob.line.become('no-sockets')
      await bob.page.getByText(/Connecting|No connection/).waitFor()
      await write(bob.page, 'unsent 1', 'unsent 2')
      await bob.page.reload()
      await until(async () => (await texts(bob.page)).length === said.length + 2, 'the queue is there again')
      assert.deepEqual(await texts(bob.page, 'waiting'), ['unsent 1', 'unsent 2'])
      assert.deepEqual(await texts(ann.page), said)

      bob.line.become('open')
      said.push('unsent 1', 'unsent 2')
      await shows(bob.page, said)
      await shows(ann.page, said)
    })

    it('hears what was said while a service and its sidecar were killed', async () => {
      await world().parley.kill('realtime', 'app')
      await write(ann.page, 'after the kill')
      said.push('after the kill')
      await shows(ann.page, said)
      await shows(bob.page, said)
      await bob.page.reload()
      await shows(bob.page, said)
    })

    it('sees no other complaint than that of the network', () => {
      const network = /net::ERR_|WebSocket connection to/
      assert.deepEqual(
        [...ann.complaints, ...bob.complaints].filter((text) => !network.test(text)),
        [],
      )
    })
  })
}
