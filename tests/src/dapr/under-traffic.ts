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
interface Team {
  readonly people: readonly [Person, ...Person[]]
  readonly rooms: readonly Room[]
}

/**
 * Everybody writes while `disturb` runs; then the log has to be what each of them was told. A team writes 58 messages a
 * second in its two rooms. `tell` gets a sentence about how much it was.
 */
export async function underTraffic(
  chat: RealSystem,
  disturb: () => Promise<void>,
  { teams: count = 1, tell }: { teams?: number; tell?: (text: string) => void } = {},
): Promise<void> {
  const begun = performance.now()
  const teams: Team[] = []
  const roomsNow = () => teams.flatMap((team) => team.rooms)
  const stop = () => Promise.all(roomsNow().flatMap(({ writers }) => writers.map((writer) => writer.stop())))
  const show = (status: PresenceStatus) => Promise.all(teams.map(({ people }) => everybodyIs(people, status)))
  try {
    while (teams.length < count) teams.push(await startTeam(chat))
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
  const seconds = (performance.now() - begun) / 1_000
  const stored = await Promise.all(roomsNow().map(verified))
  tell?.(`${stored.reduce((sum, one) => sum + one, 0)} messages in ${Math.round(seconds)} s`)
  leave(chat.door)
  await show('offline')
}

async function verified({ id, writers: [first, ...others] }: Room): Promise<number> {
  assert.ok(first)
  const [log, history] = [await first.person.log(id), await first.person.history(id)]
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
  )
  await Promise.all([first, ...others].map((writer) => writer.verify(log, history)))
  return history.length
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

async function startTeam(chat: RealSystem): Promise<Team> {
  const people = await chat.people('ann', 'bob', 'eve', 'joe')
  const [ann, bob, eve, joe] = people
  return { people, rooms: [await start(chat, ann, [bob, eve, joe]), await start(chat, eve, [joe, ann])] }
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
