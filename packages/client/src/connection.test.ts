import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConnection, reconnectPause } from './connection.ts'
import { ParleyError } from './errors.ts'
import type { SocketHandlers } from './ports.ts'
import { manualClock } from './testing/clock.ts'

/** A connection with a hand-driven network: `dialled` holds what was opened, in order. */
function setUp(accessToken: (options: { instead?: string }) => Promise<string> = async () => 't1') {
  const clock = manualClock()
  const dialled: { token: string; handlers: SocketHandlers; closed: boolean }[] = []
  const states: string[] = []
  const connection = createConnection({
    clock,
    accessToken,
    random: () => 0.5,
    open(token, handlers) {
      const socket = { token, handlers, closed: false }
      dialled.push(socket)
      const close = () => {
        socket.closed = true
      }
      return { emit: () => undefined, close }
    },
    onState: ({ status }) => states.push(status),
    onUp: () => states.push('up'),
    onDown: () => states.push('down'),
    onEvent: () => undefined,
    onRefused: () => undefined,
    isFinal: (error) => error instanceof ParleyError && error.code === 'signed_out',
  })
  /** Lets the promise of the token settle. */
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const last = () => dialled.at(-1) ?? assert.fail('nothing was dialled')
  return { clock, connection, dialled, states, settle, last }
}

test('online begins with ready; a lost connection is dialled again after a jittered pause', async () => {
  const { clock, connection, dialled, states, settle, last } = setUp()
  connection.connect()
  await settle()
  last().handlers.connected()
  assert.equal(connection.state().status, 'connecting')
  last().handlers.event('ready', {})
  clock.advance(5_000)
  last().handlers.closed('transport close')
  clock.advance(reconnectPause(1, 0.5) - 1)
  await settle()
  assert.equal(dialled.length, 1)
  clock.advance(1)
  await settle()
  assert.equal(dialled.length, 2)
  assert.deepEqual(states, ['connecting', 'online', 'up', 'down', 'waiting', 'connecting'])
})

test('pauses grow with each failure, to a bound, and are spread from nearly nothing', () => {
  assert.deepEqual(
    [1, 2, 3, 5, 9].map((attempt) => reconnectPause(attempt, 0.999)),
    [1049, 2048, 4046, 16034, 20030],
  )
  assert.equal(reconnectPause(9, 0), 50)
})

test('an expired token is replaced and dialled again at once, but only once at once', async () => {
  const asked: (string | undefined)[] = []
  const { clock, connection, dialled, settle, last } = setUp(async ({ instead }) => {
    asked.push(instead)
    return `t${asked.length}`
  })
  connection.connect()
  await settle()
  last().handlers.refused('token_expired', '')
  clock.advance(0)
  await settle()
  assert.deepEqual(asked, [undefined, 't1'])
  assert.equal(dialled.length, 2)
  last().handlers.refused('token_expired', '')
  clock.advance(0)
  await settle()
  assert.equal(dialled.length, 2)
  clock.advance(5_000)
  await settle()
  assert.deepEqual(asked, [undefined, 't1', 't2'])
})

test('a revoked session ends it', async () => {
  const { clock, connection, dialled, settle, last } = setUp()
  connection.connect()
  await settle()
  last().handlers.refused('session_revoked', '')
  clock.advance(60_000)
  await settle()
  assert.deepEqual(connection.state(), { status: 'ended', reason: 'session_revoked' })
  assert.equal(dialled.length, 1)
})

test('no token because the session is over ends it; because of the network, it waits', async () => {
  const ended = setUp(() => Promise.reject(new ParleyError('signed_out', '')))
  ended.connection.connect()
  await ended.settle()
  assert.equal(ended.connection.state().status, 'ended')

  const waiting = setUp(() => Promise.reject(new ParleyError('network', '')))
  waiting.connection.connect()
  await waiting.settle()
  assert.equal(waiting.connection.state().status, 'waiting')
})

test('draining: comes back after the time it was told, with jitter, even if the node closes early', async () => {
  const { clock, connection, dialled, settle, last } = setUp()
  connection.connect()
  await settle()
  last().handlers.event('ready', {})
  last().handlers.event('draining', { retryAfterMs: 2_000 })
  assert.equal(connection.state().status, 'online')
  clock.advance(500)
  last().handlers.closed('transport close')
  connection.nudge()
  clock.advance(2_499)
  await settle()
  assert.equal(dialled.length, 1)
  clock.advance(1)
  await settle()
  assert.equal(dialled.length, 2)
})

test('draining: a node that does not close is left', async () => {
  const { clock, connection, dialled, settle, last } = setUp()
  connection.connect()
  await settle()
  last().handlers.event('ready', {})
  last().handlers.event('draining', { retryAfterMs: 1_000 })
  clock.advance(1_500)
  await settle()
  assert.equal(dialled[0]?.closed, true)
  assert.equal(dialled.length, 2)
})

test('a server that accepts but never gets ready is given up', async () => {
  const { clock, connection, settle, last } = setUp()
  connection.connect()
  await settle()
  last().handlers.connected()
  clock.advance(15_000)
  assert.equal(connection.state().status, 'waiting')
})

test('what an abandoned connection still says is not heard', async () => {
  const { clock, connection, states, settle, last } = setUp()
  connection.connect()
  await settle()
  const first = last()
  connection.disconnect()
  first.handlers.event('ready', {})
  first.handlers.closed('late')
  clock.advance(60_000)
  await settle()
  assert.deepEqual(states, ['connecting', 'idle'])
})

test('the platform says that the network is gone, then back', async () => {
  const { connection, dialled, settle, last } = setUp()
  connection.connect()
  await settle()
  last().handlers.event('ready', {})
  connection.drop()
  assert.equal(connection.state().status, 'waiting')
  connection.nudge()
  await settle()
  assert.equal(dialled.length, 2)
})
