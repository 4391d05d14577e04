import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type ConversationId, getPresence, type PresenceStatus } from '@parley/contracts'
import { until } from '@parley/testkit'
import { leave, type Person } from '../people/person.ts'
import { socketWriter } from '../people/socket-writer.ts'
import { appWriter, type Writer } from '../people/traffic.ts'
import type { RealSystem } from './start.ts'

/** Below the rate of 20 messages a second, so that what waits after an outage is made up for. */
const everyMs = 120
export const betweenMs = 1_000

interface Room {
  readonly id: ConversationId
  readonly writers: readonly Writer[]
}

/** Everybody writes while `disturb` runs; then the log has to be what each of them was told. */
export async function underTraffic(chat: RealSystem, disturb: () => Promise<void>): Promise<void> {
  const people = await chat.people('ann', 'bob', 'eve', 'joe')
  const [ann, bob, eve, joe] = people
  const rooms = [await start(chat, ann, [bob, eve, joe]), await start(chat, eve, [joe, ann])]
  const stop = () => Promise.all(rooms.flatMap(({ writers }) => writers.map((writer) => writer.stop())))
  const show = (status: PresenceStatus) => everybodyIs(people, status)
  try {
    await delay(betweenMs)
    await disturb()
    await delay(betweenMs)
    await show('online')
  } catch (error) {
    // Nobody writes on into what comes next.
    stop().catch(() => undefined)
    throw error
  }
  await stop()
  for (const { id, writers } of rooms) {
    const reader = writers[0]?.person ?? ann
    const [log, history] = [await reader.log(id), await reader.history(id)]
    assert.deepEqual(
      log.map(({ seq }) => seq),
      log.map((_, i) => i + 1),
    )
    await Promise.all(writers.map((writer) => writer.verify(log, history)))
  }
  leave(chat.door)
  await show('offline')
}

async function everybodyIs(people: readonly [Person, ...Person[]], status: PresenceStatus): Promise<void> {
  const query = { userIds: people.map(({ id }) => id).join() }
  const expected = people.map(({ name }) => `${name} is ${status}`).sort()
  let found: string[] = []
  const isSo = async () => {
    const { body } = await people[0].insist(getPresence, { query })
    const nameOf = (id: string) => people.find((one) => one.id === id)?.name
    found = body.items.map((item) => `${nameOf(item.userId)} is ${item.status}`).sort()
    return isDeepStrictEqual(found, expected)
  }
  await until(isSo, `all are ${status}`, 60_000).catch((error) => {
    assert.deepEqual(found, expected)
    throw error
  })
}

async function start(
  chat: RealSystem,
  owner: Person,
  members: readonly [Person, ...Person[]],
): Promise<Room> {
  const { id } = await owner.group('Team', members)
  const pace = { conversationId: id, everyMs }
  const writers = await Promise.all([
    appWriter(owner, pace),
    appWriter(members[0], pace),
    ...members.slice(1).map((person) => socketWriter(person, pace, chat.door)),
  ])
  return { id, writers }
}
