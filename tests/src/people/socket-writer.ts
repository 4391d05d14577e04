import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConversationId, Entry, Message } from '@parley/contracts'
import { inTime, until } from '@parley/testkit'
import type { Device } from './device.ts'
import type { Door, Person } from './person.ts'
import { type Pace, repeat, settleMs, textsOf, type Writer } from './traffic.ts'

interface Connection {
  readonly device: Device
  /** Texts, in their order. */
  readonly sent: string[]
}

const readyMs = 3_000

/** One connection after the other, each until it breaks. */
async function stayConnected(person: Person, door: Door) {
  const connections: Connection[] = []
  let left = false

  async function run(): Promise<void> {
    while (!left) {
      const device = person.open({}, door)
      const isUp = await device.until('ready', undefined, readyMs).then(
        () => true,
        () => false,
      )
      if (isUp) {
        connections.push({ device, sent: [] })
        await device.gone(10 * settleMs)
      }
      device.close()
      await delay(100)
    }
  }
  const running = run()
  await until(() => connections.length > 0, `${person.name} is connected`)
  return {
    connections,
    async leave(): Promise<void> {
      left = true
      for (const { device } of connections) device.close()
      await running
    },
  }
}

/** With a bare socket, which sends nothing again: what was acknowledged is there, and nothing is there twice. */
export async function socketWriter(
  person: Person,
  { conversationId, everyMs }: Pace,
  door: Door,
): Promise<Writer> {
  const { connections, leave } = await stayConnected(person, door)
  const acknowledged: Message[] = []
  const open = new Set<Promise<void>>()
  let count = 0

  const writing = repeat(everyMs, () => {
    const { device, sent } = connections.at(-1) ?? {}
    if (!device?.socket.connected) return
    const text = `${person.name} ${count++}`
    sent?.push(text)
    const asking: Promise<void> = device
      .send(conversationId, text)
      .then(
        (message) => void acknowledged.push(message),
        () => undefined,
      )
      .finally(() => open.delete(asking))
    open.add(asking)
  })

  return {
    person,
    async stop() {
      await writing.stop()
      await inTime(`all of ${person.name} is answered`, Promise.all(open), settleMs)
    },
    async verify(log, history) {
      await leave()
      const mine = history.filter(({ senderId }) => senderId === person.id)
      verifyStored(mine, acknowledged)
      for (const connection of connections) verifyConnection(connection, conversationId, textsOf(mine), log)
    },
  }
}

function verifyStored(mine: readonly Message[], acknowledged: readonly Message[]): void {
  const ids = mine.map(({ clientId }) => clientId)
  assert.equal(new Set(ids).size, ids.length, 'a message was stored twice')
  const bySeq = new Map(mine.map((message) => [message.seq, message]))
  for (const message of acknowledged) assert.deepEqual(bySeq.get(message.seq), message)
  assert.ok(acknowledged.length > 0)
}

function verifyConnection(
  { device, sent }: Connection,
  id: ConversationId,
  stored: readonly string[],
  log: readonly Entry[],
): void {
  const there = stored.filter((text) => sent.includes(text))
  const inOrder = sent.filter((text) => there.includes(text))
  assert.deepEqual(there, inOrder, 'what one socket sent is stored in another order')
  const heard = device.entries(id)
  assert.deepEqual(heard, log.slice((heard[0]?.seq ?? 1) - 1, heard.at(-1)?.seq ?? 0))
}
