import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type AppId, deadLetterTopic, postMessage, subscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

/** The sum of an app's series of that name that have these labels. */
async function total(app: AppId, name: string, labels: Record<string, string> = {}): Promise<number> {
  const text = await chat.service(app).metrics.text()
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((one) => line.includes(one)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

const reaches = (least: number, ...series: Parameters<typeof total>) =>
  until(async () => (await total(...series)) >= least, `${series[1]} of ${series[0]} is ${least}`)

describe('what the services measure', () => {
  it('moves with what people do', async () => {
    chat = await startChat()
    const [ann, bob, eve] = await chat.people('ann', 'bob', 'eve')
    const room = await ann.group('Team', [bob, eve])
    const body = { kind: 'webpush', subscription: chat.push.subscription('eve') } as const
    await eve.call(subscribe, { body })
    const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
    assert.equal(await total('realtime', 'parley_sockets'), 2)
    const before = await total('realtime', 'parley_delivery_seconds_count')
    await phone.send(room.id, 'hello')
    await laptop.message('hello')
    await chat.push.until('eve', 1)

    assert.equal(await total('realtime', 'parley_sends_total', { outcome: 'stored' }), 1)
    assert.equal(await total('realtime', 'parley_ack_seconds_count'), 1)
    assert.equal(await total('realtime', 'parley_batch_items_sum'), 1)
    assert.equal(await total('realtime', 'parley_delivery_seconds_count'), before + 1)
    assert.equal(await total('realtime', 'parley_sends_pending'), 0)
    assert.equal(await total('realtime', 'parley_submitted_events_in_flight'), 0)
    // The conversation with its members, and the message.
    assert.equal(await total('messages', 'parley_commit_seconds_count'), 2)
    assert.equal(await total('messages', 'parley_block_entries_sum'), (await ann.log(room.id)).length)
    assert.equal(await total('messages', 'parley_damaged_logs_total'), 0)
    for (const [app, topic] of [
      ['messages', 'message.submitted'],
      ['realtime', 'message.stored'],
      ['notifications', 'message.stored'],
      ['presence', 'presence.connected'],
    ] as const) {
      await reaches(1, app, 'parley_events_total', { topic, outcome: 'done' })
      await reaches(1, app, 'parley_event_lag_seconds_count', { topic })
    }
    await reaches(2, 'presence', 'parley_presence_changes_total', { status: 'online' })
    await reaches(1, 'notifications', 'parley_pushes_total', { outcome: 'sent' })
    for (const app of ['auth', 'messages', 'presence', 'notifications'] as const)
      await reaches(1, app, 'parley_store_seconds_count')
    phone.close()
    await reaches(1, 'presence', 'parley_presence_changes_total', { status: 'offline' })
    await until(async () => (await total('realtime', 'parley_sockets')) === 1, 'a socket is gone')
  })

  it('tells refused and unknown sends, waiting ones, lost events and dead letters apart', async () => {
    chat = await startChat({
      batches: { outcomeMs: 300, giveUpMs: 1_500 },
      tolerate: /a dead letter is kept/,
    })
    const [ann, eve] = await chat.people('ann', 'eve')
    const room = await ann.group('Team', [])
    const [phone, tablet] = await Promise.all([ann.device(), eve.device()])
    await assert.rejects(tablet.send(room.id, 'let me in'))
    assert.equal(await total('realtime', 'parley_sends_total', { outcome: 'rejected' }), 1)

    chat.dapr.setFaults({ losses: { 'messages/message.submitted': 1 } })
    const lost = phone.send(room.id, 'lost').catch(() => 'unknown')
    await reaches(1, 'realtime', 'parley_sends_pending')
    await reaches(1, 'realtime', 'parley_submitted_events_in_flight')
    assert.equal(await lost, 'unknown')
    assert.equal(await total('realtime', 'parley_sends_total', { outcome: 'unavailable' }), 1)

    chat.dapr.setFaults({ losses: { 'realtime/message.stored': 1 } })
    const params = { conversationId: room.id }
    await ann.insist(postMessage, { params, body: { clientId: 'c', text: 'the last word' } })
    await phone.message('the last word')
    chat.dapr.setFaults({ losses: {} })
    await reaches(1, 'realtime', 'parley_gap_repairs_total', { outcome: 'filled' })

    chat.dapr.publish(deadLetterTopic('presence'), { node: 7 })
    await reaches(1, 'messages', 'parley_dead_letters_total', { refused_by: 'presence' })
  })
})
