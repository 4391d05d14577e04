import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Chat } from '@parley/client'
import {
  type Conversation,
  type ConversationId,
  type Entry,
  type Message,
  postMessage,
} from '@parley/contracts'
import { type Faults, inTime, seededRandom, until } from '@parley/testkit'
import type { Device } from '../people/device.ts'
import type { Door, Person } from '../people/person.ts'
import { seedsOf, withSeed } from '../people/seeds.ts'
import { hasRedis } from './redis.ts'
import { type System, startChat } from './start-chat.ts'

/** How many messages each person sends to each conversation, and how many of them over HTTP. */
const sends = { socket: 25, http: 5 }
const patienceMs = 90_000

const faultsOf = (random: () => number): Faults => ({
  duplicates: random() * 0.5,
  maxDelayMs: random() * 200,
  lostAnswers: random() * 0.08,
  failures: random() * 0.08,
  lostCalls: random() * 0.05,
  losses: {
    'messages/message.submitted': random() * 0.15,
    'realtime/message.stored': random() * 0.2,
    'realtime/message.rejected': random() * 0.2,
    'realtime/conversation.changed': random() * 0.4,
  },
})

/** Somebody with an app and a plain socket, and what became of all they did. */
interface Actor {
  readonly person: Person
  readonly chat: Chat
  readonly device: Device
  /** What the app delivered, in its order. */
  readonly delivered: Entry[]
  readonly stored: Promise<Message>[]
  /** Client ids by conversation, in the order in which the app was given them. */
  readonly sent: Map<ConversationId, string[]>
}

async function actorOf(person: Person, rooms: readonly Conversation[], door: Door): Promise<Actor> {
  const [chat, device] = await Promise.all([person.chat({}, door), person.device({}, door)])
  const delivered: Entry[] = []
  chat.on('entry', (entry) => delivered.push(entry))
  for (const { id } of rooms) chat.follow(id, 0)
  return { person, chat, device, delivered, stored: [], sent: new Map(rooms.map(({ id }) => [id, []])) }
}

async function act({ person, chat, stored, sent }: Actor, random: () => number): Promise<void> {
  const places = [...sent.keys()]
  for (let i = 0; i < sends.socket; i++) {
    for (const id of places) {
      const sending = chat.send(id, { text: `${person.name} ${i}` })
      sent.get(id)?.push(sending.clientId)
      stored.push(sending.stored)
      if (i >= sends.http) continue
      const body = { clientId: `http-${person.name}-${i}`, text: `${person.name} over HTTP ${i}` }
      const posted = person.insist(postMessage, { params: { conversationId: id }, body })
      stored.push(posted.then((answer) => answer.body))
    }
    await delay(random() * 120)
    if (random() > 0.1) continue
    chat.networkChanged(false)
    await delay(random() * 300)
    chat.networkChanged(true)
  }
}

/** Services die and come back, one at a time. */
async function disturb(chat: System, random: () => number): Promise<void> {
  for (const app of ['messages', 'realtime', 'presence'] as const) {
    await delay(random() * 1_000)
    if (random() < 0.4) continue
    await chat.service(app).kill()
    await delay(random() * 500)
    await chat.service(app).start()
  }
  if (!chat.redis) return
  await chat.redis.kill()
  await delay(random() * 1_000)
  await chat.redis.start()
}

async function verify(actors: readonly Actor[], id: ConversationId): Promise<void> {
  const members = actors.filter(({ sent }) => sent.has(id))
  const [first] = members
  assert.ok(first)
  const log = await first.person.log(id)
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
  )
  const messages = await first.person.history(id)
  const ids = messages.map(({ senderId, clientId }) => `${senderId} ${clientId}`)
  assert.equal(new Set(ids).size, ids.length, 'a message was stored twice')
  assert.equal(ids.length, members.length * (sends.socket + sends.http) + 1, 'a message is missing')
  for (const { person, chat, sent, stored, delivered, device } of members) {
    const mine = messages.filter(({ senderId, text }) => senderId === person.id && !text.includes('HTTP'))
    const order = mine.map(({ clientId }) => clientId)
    assert.deepEqual(order, sent.get(id), `${person.name}'s messages are not in their order`)
    for (const message of await Promise.all(stored))
      if (message.conversationId === id)
        assert.deepEqual(
          messages.find(({ seq }) => seq === message.seq),
          message,
        )
    await until(() => chat.cursor(id) === log.length, `${person.name} has all`, patienceMs)
    assert.deepEqual(
      delivered.filter((entry) => entry.conversationId === id),
      log,
    )
    const heard = device.entries(id)
    assert.deepEqual(heard, log.slice((heard[0]?.seq ?? 1) - 1, heard.at(-1)?.seq ?? 0))
  }
}

async function run(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const chat = await startChat({ seed, rateLimits: false, nodes: hasRedis && seed % 3 === 0 ? 2 : 1 })
  const actors: Actor[] = []
  try {
    const people = await chat.people('ann', 'bob', 'eve')
    const [ann, bob, eve] = people
    const rooms = [await ann.group('Team', [bob, eve]), await ann.direct(bob)]
    for (const [i, person] of people.entries()) {
      const door = chat.doors[i % chat.doors.length] ?? chat.doors[0]
      actors.push(await actorOf(person, person === eve ? rooms.slice(0, 1) : rooms, door))
    }
    chat.dapr.setFaults(faultsOf(random))
    await Promise.all([disturb(chat, random), ...actors.map((actor) => act(actor, random))])
    const all = actors.flatMap(({ stored }) => stored)
    await inTime('all is stored', Promise.all(all), patienceMs)
    chat.dapr.setFaults(noFaults)
    // Whatever was lost last shows as a gap before this one.
    for (const { id } of rooms) actors[0]?.sent.get(id)?.push(await last(actors[0], id))
    for (const { id } of rooms) await verify(actors, id)
  } finally {
    await chat.close()
  }
}

const noFaults: Faults = {
  duplicates: 0,
  maxDelayMs: 0,
  lostAnswers: 0,
  failures: 0,
  lostCalls: 0,
  losses: {},
}

async function last({ chat }: Actor, id: ConversationId): Promise<string> {
  const { clientId, stored } = chat.send(id, { text: 'the end' })
  await inTime('the last is stored', stored, patienceMs)
  return clientId
}

describe('under faults of every kind', { concurrency: 3 }, () => {
  for (const seed of seedsOf(9))
    it(`everything is stored once, in order, and reaches everybody (seed ${seed})`, () =>
      withSeed(seed, import.meta.filename, () => run(seed)))
})
