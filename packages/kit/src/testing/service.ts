/** A service whose steps do what `SERVICE` says, as a process of its own: the lifecycle's tests send it signals. */
import { writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { runService } from '../lifecycle.ts'
import { createLogger } from '../logger.ts'

export interface ServiceScript {
  readonly port: number
  /** What each step does: nothing, fail, or hang. */
  readonly ready?: Behaviour
  readonly drain?: Behaviour
  readonly close?: Behaviour
  readonly deadlines?: Readonly<Record<string, number>>
  /** After it is ready. */
  readonly afterwards?: 'throw' | 'reject'
}
type Behaviour = 'fail' | 'hang'

const script = JSON.parse(process.env.SERVICE ?? '{}') as ServiceScript
// At once: pino's own destination may write its last lines out of order when the process ends.
const logger = createLogger('messages', 'debug', { write: (line) => void writeSync(1, line) })

/** Says when it begins; the test reads the order of the steps from the log. */
const step = (name: string, behaviour: Behaviour | undefined) => async () => {
  logger.info(`step ${name}`)
  if (behaviour === 'fail') throw new Error(`${name} failed`)
  if (behaviour === 'hang') await new Promise(() => {})
}

const server = createServer(async (request, response) => {
  logger.info('step request')
  // `/slow` takes until the test has sent its signal, `/stuck` for ever.
  if (request.url === '/slow') await delay(500)
  if (request.url === '/stuck') return
  response.end('served')
})

// Longer than any deadline here: who waits for such a connection is caught.
server.keepAliveTimeout = 120_000

await runService({
  name: 'messages',
  logger,
  server,
  port: script.port,
  bind: '127.0.0.1',
  ready: step('ready', script.ready),
  drain: step('drain', script.drain),
  close: step('close', script.close),
  ...(script.deadlines === undefined ? {} : { deadlines: script.deadlines }),
})
if (script.afterwards === 'throw')
  setImmediate(() => {
    throw new Error('thrown in the open')
  })
if (script.afterwards === 'reject') void Promise.reject(new Error('rejected in the open'))
