import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Chat } from '@parley/client'
import type { ConversationId, Entry, Message } from '@parley/contracts'
import { inTime, until } from '@parley/testkit'
import type { Person } from './person.ts'

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

export const settleMs = 120_000

export const textsOf = (messages: readonly Message[]) => messages.map(({ text }) => text)

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

/** Acts until it is stopped. */
export function repeat(ms: number, act: () => void): { stop(): Promise<void> } {
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
