/** Pushes over an SNS topic, through a real daprd: what a queue that is subscribed to the topic gets. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { it } from 'node:test'
import { subscribe, unsubscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import { z } from 'zod'
import { directoryFor, provideServer, tool } from '../conformance/servers.ts'
import { type RealSystem, startReal } from '../dapr/start.ts'
import { isLong, onlyInLong } from '../long.ts'

const { missing, start } = isLong ? await provideServer('aws') : { missing: onlyInLong }
const account = 'us-east-1:123456789012'
const pushed = z.object({
  userId: z.string(),
  device: z.string(),
  body: z.string(),
  seq: z.number(),
  validUntil: z.iso.datetime(),
})

it('a push to a subscription of the kind sns is published once, with user and device', {
  skip: missing ?? false,
}, async () => {
  assert.ok(start)
  const server = await start()
  let directory = ''
  let system: RealSystem | undefined
  try {
    directory = await directoryFor([server])
    system = await startReal(['--broker', 'aws', '--stores', 'postgres'], directory)
    const { askMoto } = await tool<{
      askMoto(port: number, service: 'sns' | 'sqs', call: Record<string, string>): Promise<string>
    }>('moto')
    const port = Number(new URL(new URL(server.secret.url).searchParams.get('endpoint') ?? '').port)
    await askMoto(port, 'sqs', { Action: 'CreateQueue', QueueName: 'devices' })
    await askMoto(port, 'sns', {
      Action: 'Subscribe',
      TopicArn: `arn:aws:sns:${account}:parley-push`,
      Protocol: 'sqs',
      Endpoint: `arn:aws:sqs:${account}:devices`,
      'Attributes.entry.1.key': 'RawMessageDelivery',
      'Attributes.entry.1.value': 'true',
    })
    const got: z.infer<typeof pushed>[] = []
    const receive = async () => {
      const QueueUrl = `http://127.0.0.1:${port}/123456789012/devices`
      const xml = await askMoto(port, 'sqs', {
        Action: 'ReceiveMessage',
        QueueUrl,
        MaxNumberOfMessages: '10',
      })
      for (const [, body = ''] of xml.matchAll(/<Body>(.*?)<\/Body>/gs))
        got.push(pushed.parse(JSON.parse(body.replaceAll('&quot;', '"'))))
    }

    const [ann, bob, cid] = await system.people('ann', 'bob', 'cid')
    const { id } = await ann.group('Team', [bob, cid])
    const ofDevice = async (person: typeof bob, device: string) =>
      (await person.insist(subscribe, { body: { kind: 'sns', device } })).body
    const { id: subscriptionId, kind } = await ofDevice(bob, 'phone 7')
    assert.equal(kind, 'sns')
    await ofDevice(cid, 'witness')
    const phone = await ann.device()
    await phone.ok('presence:watch', { userIds: [bob.id] })
    /** When the witness has it, the message was dealt with. */
    const say = async (text: string) => {
      const { seq } = await phone.send(id, text)
      const isThere = async () => {
        await receive()
        return got.some((one) => one.device === 'witness' && one.seq === seq)
      }
      await until(isThere, `the push of "${text}" is on the queue`, 60_000)
      return seq
    }
    const seq = await say('to the phone')
    const there = await bob.device()
    await phone.until('presence', ({ userId, status }) => userId === bob.id && status === 'online', 60_000)
    await say('he reads it himself')
    there.close()
    await bob.insist(unsubscribe, { params: { subscriptionId } })
    await say('to nobody')
    assert.deepEqual(
      got.filter(({ userId }) => userId === bob.id),
      [{ userId: bob.id, device: 'phone 7', body: 'ann: to the phone', seq, validUntil: got[0]?.validUntil }],
    )
    assert.equal(got.filter(({ userId }) => userId === cid.id).length, 3, 'each once')
  } finally {
    await system?.close()
    await server.close()
    await rm(directory, { recursive: true, force: true })
  }
})
