import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type BodyInputOf, internalReport, limits, type SessionId, type UserId } from '@parley/contracts'
import { ChatError, createLogger, type Sidecar } from '@parley/kit'
import { type FakeClock, fakeClock } from '@parley/testkit'
import { createReporter, type Reporter } from './reporter.ts'

type Report = BodyInputOf<typeof internalReport>

let clock: FakeClock
let reporter: Reporter
let published: { topic: string; counter: number }[]
let reports: Report[]
let isDown: boolean
beforeEach(() => {
  clock = fakeClock()
  published = []
  reports = []
  isDown = false
  const sidecar = {
    async publish({ topic }: { topic: string }, { counter }: { counter: number }) {
      published.push({ topic, counter })
    },
    async invoke(_route: unknown, { body }: { body: Report }) {
      if (isDown) throw new ChatError('unavailable')
      reports.push(internalReport.body?.parse(body) as Report)
    },
  } as unknown as Pick<Sidecar, 'publish' | 'invoke'>
  reporter = createReporter({ clock, sidecar, node: 'a', logger: createLogger('realtime', 'silent') })
})

const socket = (socketId: string) => ({
  userId: 'ann' as UserId,
  sessionId: 's' as SessionId,
  socketId,
})
const told = () =>
  reports.map(({ devices }) =>
    devices.map(({ socketId, connected }) => `${connected ? '+' : '-'}${socketId}`),
  )

describe('the report', () => {
  it('comes with each heartbeat, and has what had happened by the one before, with the counters of the events', async () => {
    await clock.advance(1)
    reporter.connected(socket('x'))
    reporter.disconnected(socket('x'))
    reporter.connected(socket('y'))
    await clock.advance(15_000)
    assert.deepEqual(told(), [[], [], ['+x', '-x', '+y'], []])
    const events = published.filter(({ topic }) => topic !== 'presence.heartbeat')
    assert.deepEqual(
      reports[2]?.devices.map(({ counter }) => counter),
      events.map(({ counter }) => counter),
    )
  })

  it('is said again until it is taken, in parts where it is long, and loses nothing that comes meanwhile', async () => {
    await clock.advance(1)
    isDown = true
    for (let i = 0; i < limits.reportedDevices + 1; i++) reporter.connected(socket(`${i}`))
    await clock.advance(10_000)
    reporter.disconnected(socket('0'))
    isDown = false
    await clock.advance(10_000)
    assert.deepEqual(
      told().map((part) => part.length),
      [0, limits.reportedDevices, 1, 1],
    )
    assert.deepEqual(told().slice(2), [[`+${limits.reportedDevices}`], ['-0']])
  })

  it('says that the node closes, and nothing more comes after it', async () => {
    await clock.advance(1)
    reporter.connected(socket('x'))
    await reporter.closing()
    reporter.disconnected(socket('x'))
    await clock.advance(20_000)
    assert.deepEqual(
      reports.map(({ closing }) => closing),
      [false, true],
    )
    assert.equal(clock.timers, 0)
  })
})
