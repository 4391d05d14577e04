/** A gateway of either kind between a stand-in sidecar, a stand-in realtime (with a real Socket.IO server) and a client. */
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import { get as getByTls } from 'node:https'
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@parley/kit'
import { type ServerOptions, Server as SocketServer } from 'socket.io'
import type { Socket as ClientSocket } from 'socket.io-client'
import type { GatewaySettings } from './config.ts'
import { startNginx } from './nginx-process.ts'
import { createNodeProxy } from './node-proxy.ts'
import { timeouts } from './timeouts.ts'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Socket.IO's clients are emitters of their own kind. */
export const heard = (client: ClientSocket, event: string): Promise<unknown> =>
  new Promise((resolve) => client.once(event, resolve))

export async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const startSidecar = async () => {
  const seen: Seen[] = []
  /** `cut`: the connection ends without an answer. */
  const stage: { answer: (request: Seen) => Answer | 'cut' } = { answer: () => ({ status: 200, body: '{}' }) }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method = '', url = '', headers } = request
    const it = { method, url, headers, body }
    seen.push(it)
    const answer = stage.answer(it)
    if (answer === 'cut') return void request.socket.destroy()
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'x-powered-by': 'somebody',
      ...answer.headers,
    })
    response.end(answer.body)
  })
  return { server, seen, stage, port: await listening(server) }
}

export const startRealtime = async (
  transports: ('websocket' | 'polling')[] = ['websocket'],
  options: Partial<ServerOptions> = {},
) => {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    response.writeHead(404).end('not the gateway')
  })
  const io = new SocketServer(server, { transports, ...options })
  // Else a session that went without a goodbye would hold up the end of a test for half a minute.
  io.engine.on('connection', ({ transport }) => {
    transport.closeTimeout = 100
  })
  const handshakes: IncomingMessage['headers'][] = []
  io.on('connection', (socket) => {
    handshakes.push(socket.handshake.headers)
    socket.on('echo', (value, ack) => ack(value))
  })
  return { server, io, handshakes, requests, port: await listening(server) }
}

export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Bytes as they are, without a client that tidies them: the first answer, or status 0 where the connection just ended. */
export async function raw(port: number, request: string): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(request.replace(/\r?\n/g, '\r\n'))
  let text = ''
  try {
    for await (const chunk of socket) {
      text += chunk.toString('latin1')
      const answer = readAnswer(text)
      const length = /^content-length: (\d+)\r?$/im.exec(answer.head)?.[1]
      if (length !== undefined && answer.body.length >= Number(length)) return answer
    }
  } catch {
    // It was cut: what came before counts.
  } finally {
    socket.destroy()
  }
  return readAnswer(text)
}

function readAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n')
  const head = end === -1 ? '' : text.slice(0, end)
  return { status: Number(head.split(' ')[1] ?? 0), head, body: end === -1 ? '' : text.slice(end + 4) }
}

export const rawGet = (port: number, target: string, headers = '') =>
  raw(port, `GET ${target} HTTP/1.1\nHost: parley.test\nConnection: close\n${headers}\n`)

export const missing = (program: string) =>
  spawnSync(program, ['--help']).error ? `there is no ${program} here` : false

/** For localhost, signed by itself. */
export function certificate(folder: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1', '-nodes']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  return { cert, key }
}

function serves(url: string, ca: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (response: IncomingMessage) => resolve(response.resume().statusCode === 200)
    const path = `${url}/healthz`
    const request = ca === undefined ? get(path, done) : getByTls(path, { ca }, done)
    request.on('error', () => resolve(false))
  })
}

function webApp(folder: string): string {
  const root = join(folder, 'web')
  mkdirSync(join(root, 'assets'), { recursive: true })
  writeFileSync(join(root, 'index.html'), '<!doctype html><title>app</title>')
  writeFileSync(join(root, 'assets/index-0a1b2c3d.js'), `export const a = '${'long '.repeat(1000)}'`)
  writeFileSync(join(root, '.secret'), 'hidden')
  writeFileSync(join(root, 'manifest.webmanifest'), '{}')
  return root
}

export type Kind = 'nginx' | 'node'

export async function startGateway(
  kind: Kind,
  options: Partial<GatewaySettings> & { nginx?: string | undefined; certified?: boolean } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-gateway-'))
  const [sidecar, realtime, port] = [await startSidecar(), await startRealtime(), await freePort()]
  const settings: GatewaySettings = {
    port,
    bind: '127.0.0.1',
    sidecarPort: sidecar.port,
    sidecarToken: 'token-of-the-sidecar',
    realtime: [`127.0.0.1:${realtime.port}`],
    webRoot: webApp(folder),
    docsRoot: fileURLToPath(new URL('../../../docs', import.meta.url)),
    status: true,
    traceRatio: 0,
    rates: undefined,
    timeouts,
    tls: options.certified ? certificate(folder) : undefined,
    ...options,
  }
  const lines: string[] = []
  const logger = createLogger('gateway', 'info', { write: (line) => void lines.push(line) })
  let stop: () => Promise<unknown>
  if (kind === 'nginx') {
    const running = startNginx(
      options.nginx ?? 'nginx',
      join(folder, 'run'),
      { ...settings, accessLog: 'access.log' },
      logger,
    )
    stop = () => {
      running.stop()
      return running.ended
    }
  } else {
    const { server, endSockets } = createNodeProxy(settings, logger)
    server.listen(port, '127.0.0.1')
    stop = async () => {
      endSockets()
      server.close()
      server.closeAllConnections()
    }
  }
  const ca = settings.tls && readFileSync(settings.tls.cert, 'utf8')
  const url = ca === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`
  const deadline = Date.now() + 30_000
  while (!(await serves(url, ca))) {
    if (Date.now() > deadline) throw new Error(`${kind} does not serve within 30 s`)
    await delay(20)
  }
  const accessFile = join(folder, 'run/access.log')
  return {
    port,
    url,
    /** Of its certificate, where it speaks TLS. */
    ca,
    folder,
    /** The lines for requests, as far as they are written. */
    accessLog(): Record<string, unknown>[] {
      const text =
        kind === 'nginx' && existsSync(accessFile) ? readFileSync(accessFile, 'utf8') : lines.join('')
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      const parsed = whole.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []))
      return parsed.filter((line) => line.path !== undefined)
    },
    sidecar,
    realtime,
    async close() {
      realtime.io.disconnectSockets(true)
      await realtime.io.close()
      sidecar.server.close()
      sidecar.server.closeAllConnections()
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
export type Gateway = Awaited<ReturnType<typeof startGateway>>
