/** Pushes over an SNS topic, through a real daprd: what a queue that is subscribed to the topic gets. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { it } from 'node:test'
import { subscribe, unsubscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import { z } from 'zod'
import { directoryFor, provideServer, tool } from '../conformance/servers.ts'
import { type RealSystem, startReal } from '../dapr/start.ts'

const isLong = process.env.PARLEY_LONG_TESTS === '1'
const onlyInLong = 'only in the long run: npm test -- --long'
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

    const [ann, bob] = await system.people('ann', 'bob')
    const { id } = await ann.group('Team', [bob])
    const { status, body } = await bob.insist(subscribe, { body: { kind: 'sns', device: 'phone 7' } })
    assert.deepEqual([status, body.kind], [201, 'sns'])
    const device = await ann.device()
    const first = await device.send(id, 'to the phone')
    await until(
      async () => {
        await receive()
        return got.length > 0
      },
      'the push is on the queue',
      60_000,
    )
    assert.deepEqual(
      got.map(({ userId, device, body, seq }) => [userId, device, body, seq]),
      [[bob.id, 'phone 7', 'ann: to the phone', first.seq]],
    )

    const there = await bob.device()
    await device.send(id, 'he reads it himself')
    there.close()
    await bob.insist(unsubscribe, { params: { subscriptionId: body.id } })
    await device.send(id, 'to nobody')
    await bob.insist(subscribe, { body: { kind: 'sns', device: 'phone 8' } })
    await until(
      async () => {
        await device.send(id, 'to the new phone')
        await receive()
        return got.length > 1
      },
      'the next push is on the queue',
      60_000,
    )
    assert.deepEqual([got[1]?.device, got[1]?.body], ['phone 8', 'ann: to the new phone'])
  } finally {
    await system?.close()
    await server.close()
    await rm(directory, { recursive: true, force: true })
  }
})
