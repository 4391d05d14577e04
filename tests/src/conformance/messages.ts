/** What is said is stored and delivered once, in order, also to who was away. */
import assert from 'node:assert/strict'
import type { Chat } from '@parley/client'
import type { ConversationId, Entry } from '@parley/contracts'
import { inTime, until } from '@parley/testkit'
import type { RealSystem } from '../dapr/start.ts'
import type { Person } from '../people/person.ts'
import { settleMs, textsOf } from '../people/traffic.ts'

const messagesEach = 100
const repeated = 20
const missed = 60
const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`)

/** The same client ids from two devices at once, and once more: one message each, and everybody is told the same. */
export async function exactlyOnce(chat: RealSystem): Promise<void> {
  const [ann, bob] = await chat.people('ann', 'bob')
  const { id } = await ann.group('Team', [bob])
  const [phone, tablet, laptop] = [await ann.device(), await ann.device(), await bob.device()]
  const texts = numbered('ann', repeated)
  const sendAll = (devices: readonly (typeof phone)[]) =>
    Promise.all(devices.flatMap((device) => texts.map((text) => device.send(id, text, `id of ${text}`))))
  const answers = await sendAll([phone, tablet])
  const again = await sendAll([tablet])
  const [first, second] = [answers.slice(0, repeated), answers.slice(repeated)]
  assert.deepEqual(second, first)
  assert.deepEqual(again, first)
  const history = await bob.history(id)
  assert.deepEqual(textsOf(history).sort(), [...texts].sort())
  const log = await bob.log(id)
  const isHere = () => laptop.entries(id).some(({ seq }) => seq === log.length)
  await until(isHere, 'the last one is delivered', settleMs)
  await laptop.settled()
  const heard = laptop.entries(id)
  assert.equal(heard.filter(({ kind }) => kind === 'message').length, repeated)
  assert.deepEqual(heard, log.slice(-heard.length))
}

/** Two people write a hundred messages each, as fast as they can. */
export async function inOrder(chat: RealSystem): Promise<void> {
  const [ann, bob] = await chat.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const both = [await listen(ann, id), await listen(bob, id)]
  const stored = both.flatMap(({ person, chat }) =>
    numbered(person.name, messagesEach).map((text) => chat.send(id, { text }).stored),
  )
  await inTime('all is stored', Promise.all(stored), settleMs)
  const log = await ann.log(id)
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
  )
  for (const { person, chat, entries } of both) {
    await until(() => chat.cursor(id) === log.length, `${person.name} has all`, settleMs)
    assert.deepEqual(entries, log)
    const mine = log.flatMap((entry) =>
      entry.kind === 'message' && entry.message.senderId === person.id ? entry.message.text : [],
    )
    assert.deepEqual(mine, numbered(person.name, messagesEach))
  }
}

/** Who was away gets what was said meanwhile, and then what is said now: each once, in order. */
export async function resync(chat: RealSystem): Promise<void> {
  const [ann, bob] = await chat.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const [writer, reader] = [await listen(ann, id), await listen(bob, id)]
  const say = (texts: readonly string[]) =>
    inTime('all is stored', Promise.all(texts.map((text) => writer.chat.send(id, { text }).stored)), settleMs)
  await say(['before'])
  const hasAll = async () => {
    const log = await ann.log(id)
    await until(() => reader.chat.cursor(id) === log.length, 'bob has all', settleMs)
    assert.deepEqual(reader.entries, log)
  }
  await hasAll()
  reader.chat.disconnect()
  await say(numbered('meanwhile', missed))
  assert.ok(reader.entries.length < missed)
  reader.chat.connect()
  await say(numbered('now', missed))
  await hasAll()
}

export interface Listener {
  readonly person: Person
  readonly chat: Chat
  readonly entries: readonly Entry[]
}

/** `@parley/client`, online, and what it says that came. */
export async function listen(person: Person, id: ConversationId, url?: string): Promise<Listener> {
  const chat = await person.chat(url === undefined ? {} : { url })
  const entries: Entry[] = []
  chat.on('entry', (entry) => void (entry.conversationId === id && entries.push(entry)))
  chat.follow(id, 0)
  await until(() => chat.connection().status === 'online', `${person.name} is online`, settleMs)
  return { person, chat, entries }
}
