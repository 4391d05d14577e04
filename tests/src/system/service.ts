import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { AppId } from '@parley/contracts'
import {
  createLogger,
  createMetrics,
  createSidecar,
  type Logger,
  type Metrics,
  type Sidecar,
} from '@parley/kit'
import type { FakeDapr } from '@parley/testkit'

/** What a `main.ts` makes of its app, as far as it differs from service to service. */
export type Parts = ({ readonly listener: RequestListener } | { readonly server: Server }) & {
  attach?(server: Server): void
  ready?(): Promise<void>
  drain?(): Promise<void>
  close(): Promise<void> | void
}
export interface PartsDeps {
  readonly sidecar: Sidecar
  readonly sidecarPort: number
  readonly logger: Logger
  readonly appApiToken: string
  readonly metrics: Metrics
}
export type CreateParts = (deps: PartsDeps) => Parts

/** A running service with its sidecar. */
export interface Service {
  readonly app: AppId
  readonly port: number
  /** Of its whole life, however often it is started. */
  readonly metrics: Metrics
  /** As by SIGTERM: finishes what it took. */
  stop(): Promise<void>
  /** As by SIGKILL, as far as one process can: nobody hears of it any more, and it hears nothing. */
  kill(): Promise<void>
  /** Again on the same port, without memory, with a new sidecar. */
  start(): Promise<void>
}

export const appApiToken = 'what-the-sidecar-says-to-its-app'
export const daprApiToken = 'what-the-app-says-to-its-sidecar'

/**
 * `complain` gets what is logged as an error: no fault of the network may cause one. `hear` gets every line there is.
 */
export async function startService(
  dapr: FakeDapr,
  app: AppId,
  create: CreateParts,
  complain: (line: string) => void,
  hear?: (line: string) => void,
): Promise<Service> {
  let port = 0
  let killed = false
  const level = process.env.LOG_LEVEL
  const logger = createLogger(app, level ?? (hear ? 'trace' : 'error'), {
    write(line) {
      hear?.(line)
      if (level !== undefined) process.stderr.write(line)
      if (!killed && /"level":"(error|fatal)"/.test(line)) complain(line)
    },
  })

  const metrics = createMetrics(app)

  async function launch() {
    const fake = await dapr.start(app)
    const sidecarPort = fake.httpPort
    const sidecar = createSidecar({ app, httpPort: sidecarPort, apiToken: daprApiToken, logger })
    const parts = create({ sidecar, sidecarPort, logger, appApiToken, metrics })
    const server = 'server' in parts ? parts.server : createServer(parts.listener)
    parts.attach?.(server)
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    fake.connect(port)
    await parts.ready?.()
    return { fake, sidecar, parts, server, sockets }
  }
  let running = await launch()

  const closed = () =>
    new Promise<void>((resolve) => {
      running.server.close(() => resolve())
      running.server.closeAllConnections()
    })

  return {
    app,
    metrics,
    get port() {
      return port
    },
    async stop() {
      await running.parts.drain?.()
      await running.parts.close()
      await closed()
      await running.sidecar.close()
      await running.fake.stop()
    },
    async kill() {
      killed = true
      await running.fake.stop()
      const end = closed()
      for (const socket of running.sockets) socket.destroy()
      await running.parts.close()
      await end
      await running.sidecar.close()
    },
    async start() {
      killed = false
      running = await launch()
    },
  }
}
