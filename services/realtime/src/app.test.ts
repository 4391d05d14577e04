import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { messageStored } from '@parley/contracts'
import { messageEntry } from './testing/builders.ts'
import { codeOf, published, type Realtime, startRealtime } from './testing/harness.ts'

let chat: Realtime
afterEach(() => chat.close())

describe('the node', () => {
  it('refuses events that do not fit', async () => {
    chat = await startRealtime()
    assert.match(await chat.event(messageStored, { conversations: [] }), /DROP/)
  })

  it('is ready while its sidecar is', async () => {
    chat = await startRealtime()
    assert.equal((await fetch(`${chat.url}/readyz`)).status, 200)
  })

  it('drains: says when to come back, finishes what it took, lets nobody in and closes its lease', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    chat.world.storing = false
    const [ann, bob] = await Promise.all([chat.ready('ann'), chat.ready('bob')])
    const sent = ann.send(room, 'c1')
    await published(chat, 'message.submitted')
    const drained = chat.app.drain()
    await Promise.all([ann.next('draining'), bob.next('draining')])
    const times = [ann, bob].map((client) => client.all('draining')[0] as unknown as { retryAfterMs: number })
    assert.notEqual(times[0]?.retryAfterMs, times[1]?.retryAfterMs)
    assert.equal(codeOf(await bob.send(room, 'c2')), 'overloaded')
    assert.equal((await chat.connect('cid').next('connect_error')).code, 'unavailable')
    await chat.tell(
      room,
      chat.append(room, (seq) => messageEntry(room, seq, 'ann', 'c1')),
    )
    assert.equal(codeOf(await sent), 'ok')
    await drained
    assert.equal(await ann.next('disconnect'), 'transport close')
    const last = chat.world.published.at(-1)
    assert.deepEqual(
      [last?.topic, (last?.data as { closing?: boolean } | undefined)?.closing],
      ['presence.heartbeat', true],
    )
  })
})
