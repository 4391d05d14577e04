/** What a broker must do for Parley, over the real server and real sidecars. */
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Chat } from '@parley/client'
import { type AppId, type ConversationId, type Entry, subscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import { z } from 'zod'
import { type RealSystem, startReal } from '../dapr/start.ts'
import type { Person } from '../people/person.ts'
import { appWriter } from '../people/traffic.ts'
import { type Broker, type BrokerServer, directoryFor } from './servers.ts'

export interface BrokerTest {
  /** The folder of `components/brokers`. */
  readonly folder: string
  /** Not asked for where the test is not to run: it may have to be downloaded. */
  broker(): Promise<Broker>
  /** What the server is put through while people write. */
  disturb(server: BrokerServer): Promise<void>
  /** Its test without the outage is short enough for every run. */
  readonly inShort?: boolean
}

export const isLong = process.env.PARLEY_LONG_TESTS === '1'
export const onlyInLong = 'only in the long run: npm test -- --long'

const messagesEach = 100
const outageMs = 3_000
const writeEveryMs = 120
/** A refused event is set aside at once; one that is retried would take fifteen minutes. */
const asideWithinMs = 60_000
const patienceMs = 120_000

/** It dies, and comes back with what it had on its disk. */
export const killed = async (server: BrokerServer): Promise<void> => {
  await server.kill()
  await delay(outageMs)
  await server.start()
}

/** It answers nobody for a while. */
export const frozen = async (server: BrokerServer): Promise<void> => {
  server.freeze()
  await delay(outageMs)
  server.thaw()
}

export async function testBroker({ folder, broker, disturb, inShort = false }: BrokerTest): Promise<void> {
  const name = `Parley on ${folder}`
  if (!isLong && !inShort) return void it(name, { skip: onlyInLong })
  const { missing, start } = await broker()
  if (missing !== undefined) return void it(name, { skip: missing })
  describe(name, () => {
    let server: BrokerServer
    let directory: string
    let system: RealSystem
    before(async () => {
      server = await start()
      directory = await directoryFor(server)
      system = await startReal(['--broker', folder, '--stores', 'postgres'], directory)
    })
    after(async () => {
      await system?.close()
      await server?.close()
      if (directory) await rm(directory, { recursive: true, force: true })
    })

    it('two people chat: everything is stored and delivered once, in order', () => chatting(system))
    it('coming, going and a push to who is away', () => comingAndGoing(system))
    it('poison is set aside at once and holds up nobody', () => poison(system, directory))
    it('an outage under load loses nothing and doubles nothing', { skip: isLong ? false : onlyInLong }, () =>
      underLoad(system, () => disturb(server)),
    )
  })
}

async function chatting(system: RealSystem): Promise<void> {
  const [ann, bob] = await system.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const both = await Promise.all([listen(ann, id), listen(bob, id)])
  const stored = both.flatMap(({ person, chat }) =>
    Array.from({ length: messagesEach }, (_, i) => chat.send(id, { text: `${person.name} ${i}` }).stored),
  )
  await Promise.all(stored)
  const log = await ann.log(id)
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
  )
  for (const { person, chat, entries } of both) {
    await until(() => chat.cursor(id) === log.length, `${person.name} has all`, patienceMs)
    assert.deepEqual(entries, log)
    const mine = log.flatMap((entry) =>
      entry.kind === 'message' && entry.message.senderId === person.id ? entry.message.text : [],
    )
    assert.deepEqual(
      mine,
      Array.from({ length: messagesEach }, (_, i) => `${person.name} ${i}`),
    )
    chat.disconnect()
  }
}

interface Listener {
  readonly person: Person
  readonly chat: Chat
  readonly entries: Entry[]
}

async function listen(person: Person, id: ConversationId): Promise<Listener> {
  const chat = await person.chat()
  const entries: Entry[] = []
  chat.on('entry', (entry) => void (entry.conversationId === id && entries.push(entry)))
  chat.follow(id, 0)
  await until(() => chat.connection().status === 'online', `${person.name} is online`, patienceMs)
  return { person, chat, entries }
}

async function comingAndGoing(system: RealSystem): Promise<void> {
  const [ann, bob] = await system.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  await bob.call(subscribe, {
    body: { kind: 'webpush', subscription: system.push.subscription(bob.id) },
  })
  const phone = await ann.device()
  await phone.ok('presence:watch', { userIds: [bob.id] })
  const laptop = await bob.device()
  await phone.until('presence', ({ userId, status }) => userId === bob.id && status === 'online', patienceMs)
  laptop.close()
  await phone.until('presence', ({ userId, status }) => userId === bob.id && status === 'offline', patienceMs)
  await phone.send(id, 'are you there?')
  await system.push.until(bob.id, 1)
}

const letters = z.object({
  items: z.array(z.looseObject({ app: z.string(), topic: z.string() })),
})

/** Who may publish what is in the component: these sidecars may. */
const poisons: readonly { by: AppId; topic: string; refusedBy: readonly AppId[] }[] = [
  { by: 'realtime', topic: 'message.submitted', refusedBy: ['messages'] },
  { by: 'messages', topic: 'message.stored', refusedBy: ['realtime', 'notifications'] },
  { by: 'realtime', topic: 'presence.connected', refusedBy: ['presence'] },
]

async function poison(system: RealSystem, directory: string): Promise<void> {
  const ask = await operatorOf(system, directory)
  const [ann, bob] = await system.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const writer = await appWriter(ann, { conversationId: id, everyMs: writeEveryMs })
  try {
    for (const { by, topic } of poisons) await ask(by, `publish/pubsub/${topic}`, { poison: true })
    await untilSetAside(ask)
  } finally {
    await writer.stop()
  }
  await writer.verify(await ann.log(id), await ann.history(id))
}

type Ask = (app: AppId, path: string, body?: unknown) => Promise<unknown>

async function untilSetAside(ask: Ask): Promise<void> {
  const expected = poisons.flatMap(({ topic, refusedBy }) => refusedBy.map((app) => `${app} ${topic}`)).sort()
  let found: string[] = []
  const isAll = async () => {
    const { items } = letters.parse(await ask('messages', 'invoke/messages/method/internal/dead-letters'))
    found = items.map(({ app, topic }) => `${app} ${topic}`).sort()
    return isDeepStrictEqual(found, expected)
  }
  await until(isAll, 'the poison is set aside', asideWithinMs).catch(() => assert.deepEqual(found, expected))
}

/** Calls a sidecar as the operator of this machine can. */
async function operatorOf(system: RealSystem, directory: string): Promise<Ask> {
  const { urls } = await system.parley.state()
  const secrets = z
    .record(z.string(), z.string())
    .parse(JSON.parse(await readFile(join(directory, '.data/secrets.json'), 'utf8')))
  return async (app, path, body) => {
    const answer = await fetch(`${urls.sidecars[app]}/v1.0/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', 'dapr-api-token': secrets['dapr-api-token'] ?? '' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

async function underLoad(system: RealSystem, disturb: () => Promise<void>): Promise<void> {
  const [ann, bob, eve] = await system.people('ann', 'bob', 'eve')
  const { id } = await ann.group('Team', [bob, eve])
  const pace = { conversationId: id, everyMs: writeEveryMs }
  const writers = await Promise.all([ann, bob, eve].map((person) => appWriter(person, pace)))
  try {
    await delay(outageMs)
    await disturb()
    await delay(outageMs)
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()))
  }
  const [log, history] = [await ann.log(id), await ann.history(id)]
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
  )
  await Promise.all(writers.map((writer) => writer.verify(log, history)))
}
