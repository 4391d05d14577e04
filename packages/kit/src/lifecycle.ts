/**
 * The life of a service: starting → ready → draining → closed. SIGTERM and SIGINT start the draining; each step has a
 * deadline, and a step that misses it is left behind with a line in the log. A second signal ends at once.
 */
import type { Server } from 'node:http'
import type { AppId } from '@parley/contracts'
import { within } from './deadline.ts'
import type { Logger } from './logger.ts'

export interface Deadlines {
  /** Until `ready` resolves; missing it ends the process. */
  readonly readyMs: number
  /** For `drain`. */
  readonly drainMs: number
  /** For requests that are being served when the server stops to listen. */
  readonly serverMs: number
  /** For `close`. */
  readonly closeMs: number
}

export const defaultDeadlines: Deadlines = {
  readyMs: 60_000,
  drainMs: 10_000,
  serverMs: 5_000,
  closeMs: 5_000,
}

export interface ServiceOptions {
  readonly name: AppId
  readonly logger: Logger
  readonly server: Server
  readonly port: number
  readonly bind: string
  /**
   * Before the server listens: until then daprd brings no call and no event, and whoever calls goes on to another replica.
   * The sidecar's own API answers as soon as its components are loaded.
   */
  readonly ready?: () => Promise<void>
  /** Stop to take new work, finish what was taken. From here on readiness should say no. */
  readonly drain?: () => Promise<void>
  /** Let go of everything. */
  readonly close?: () => Promise<void>
  readonly deadlines?: Partial<Deadlines>
}

/** Resolves when the service is ready; ends the process when the service is closed. */
export async function runService(options: ServiceOptions): Promise<void> {
  const { name, logger, server, port, bind } = options
  const deadlines: Deadlines = { ...defaultDeadlines, ...options.deadlines }
  let stopping = false

  const die = (error: unknown, message: string): never => {
    logger.fatal({ err: error }, message)
    process.exit(1)
  }

  async function step(what: string, ms: number, run: () => Promise<unknown>): Promise<void> {
    try {
      await within(ms, run())
    } catch (error) {
      logger.error({ err: error }, `${name} could not ${what} properly`)
    }
  }

  async function stop(signal: string): Promise<void> {
    if (stopping) die(undefined, `${name} got ${signal} while stopping and ends at once`)
    stopping = true
    logger.info({ signal }, `${name} is draining`)
    if (options.drain) await step('drain', deadlines.drainMs, options.drain)
    await step('finish its requests', deadlines.serverMs, () => closeServer(server))
    server.closeAllConnections()
    if (options.close) await step('close', deadlines.closeMs, options.close)
    logger.info(`${name} is closed`)
    process.exit(0)
  }

  process.on('unhandledRejection', (error) => die(error, 'a rejection was not handled'))
  process.on('uncaughtException', (error) => die(error, 'an exception was not caught'))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal))

  if (options.ready) {
    try {
      await within(deadlines.readyMs, options.ready())
    } catch (error) {
      // A signal that came meanwhile makes waiting fail: then the draining has the last word.
      if (!stopping) die(error, `${name} did not get ready`)
      return
    }
  }
  if (stopping) return
  try {
    await listen(server, port, bind)
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    die(
      error,
      taken
        ? `port ${port} is in use: another ${name} is running`
        : `${name} cannot listen on ${bind}:${port}`,
    )
  }
  if (!stopping) logger.info({ bind, port }, `${name} is ready`)
}

function listen(server: Server, port: number, bind: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, bind, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Node closes the connections that are idle now, but keeps those alive that only carry their last answer now. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearInterval(sweep)
      resolve()
    })
  })
}
