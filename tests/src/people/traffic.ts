import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Chat } from '@parley/client'
import type { ConversationId, Entry, Message } from '@parley/contracts'
import { inTime, until } from '@parley/testkit'
import type { Device } from './device.ts'
import type { Door, Person } from './person.ts'

/** Somebody who writes all the time, and remembers what they were told about it. */
export interface Writer {
  readonly person: Person
  /** No more from now on; resolves when everything has its answer that will get one. */
  stop(): Promise<void>
  /** Fails where the log of the conversation is not what this writer was told. */
  verify(log: readonly Entry[], history: readonly Message[]): Promise<void>
}

export interface Pace {
  readonly conversationId: ConversationId
  readonly everyMs: number
}

const settleMs = 120_000

const textsOf = (messages: readonly Message[]) => messages.map(({ text }) => text)

/** With `@parley/client`: whatever happens, each message is stored once and in order, and each entry is delivered. */
export async function appWriter(person: Person, { conversationId, everyMs }: Pace): Promise<Writer> {
  const chat: Chat = await person.chat()
  const delivered: Entry[] = []
  const sent: string[] = []
  const stored: Promise<Message>[] = []
  chat.on('entry', (entry) => {
    if (entry.conversationId === conversationId) delivered.push(entry)
  })
  chat.follow(conversationId, 0)
  await until(() => chat.connection().status === 'online', `${person.name} is online`)
  const writing = repeat(everyMs, () => {
    const text = `${person.name} ${sent.length}`
    sent.push(text)
    stored.push(chat.send(conversationId, { text }).stored)
  })

  return {
    person,
    async stop() {
      await writing.stop()
      await inTime(`all of ${person.name} is stored`, Promise.all(stored), settleMs)
    },
    async verify(log, history) {
      const mine = history.filter(({ senderId }) => senderId === person.id)
      assert.deepEqual(textsOf(mine), sent, `${person.name}'s messages, each once and in order`)
      assert.deepEqual(await Promise.all(stored), mine)
      await until(() => chat.cursor(conversationId) === log.length, `${person.name} has all`, settleMs)
      assert.deepEqual(delivered, log)
    },
  }
}

interface Connection {
  readonly device: Device
  readonly sent: string[]
}

/** With a bare socket, which sends nothing again: what was acknowledged is there, and nothing is there twice. */
export async function socketWriter(
  person: Person,
  { conversationId, everyMs }: Pace,
  door: Door,
): Promise<Writer> {
  const connections: Connection[] = []
  const acknowledged: Message[] = []
  const open = new Set<Promise<void>>()
  let stopped = false
  let count = 0

  async function connect(): Promise<void> {
    while (!stopped) {
      const device = person.open({}, door)
      const connection: Connection = { device, sent: [] }
      const isUp = await device.until('ready', undefined, 3_000).then(
        () => true,
        () => false,
      )
      if (isUp) {
        connections.push(connection)
        await device.gone(settleMs * 10).catch(() => undefined)
      }
      device.close()
      await delay(100)
    }
  }
  const connecting = connect()
  await until(() => connections.length > 0, `${person.name} is connected`)

  const writing = repeat(everyMs, () => {
    const current = connections.at(-1)
    if (!current?.device.socket.connected) return
    const text = `${person.name} ${count++}`
    current.sent.push(text)
    const asking: Promise<void> = current.device
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
      stopped = true
      for (const { device } of connections) device.close()
      await connecting
      const mine = history.filter(({ senderId }) => senderId === person.id)
      const texts = textsOf(mine)
      assert.equal(new Set(texts).size, texts.length, `${person.name}'s messages, none twice`)
      for (const message of acknowledged)
        assert.deepEqual(
          mine.find(({ seq }) => seq === message.seq),
          message,
        )
      assert.ok(acknowledged.length > 0)
      for (const { device, sent } of connections) {
        const there = texts.filter((text) => sent.includes(text))
        assert.deepEqual(
          there,
          sent.filter((text) => there.includes(text)),
          'the order of one socket',
        )
        const heard = device.entries(conversationId)
        assert.deepEqual(heard, log.slice((heard[0]?.seq ?? 1) - 1, heard.at(-1)?.seq ?? 0))
      }
    },
  }
}

function repeat(ms: number, act: () => void): { stop(): Promise<void> } {
  let stopped = false
  const running = (async () => {
    while (!stopped) {
      act()
      await delay(ms)
    }
  })()
  return {
    async stop() {
      stopped = true
      await running
    },
  }
}
