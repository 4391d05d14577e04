/** The real brokers: each a server of this test's own, which it may kill, freeze and start again. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@parley/testkit'

export interface BrokerServer {
  /** The secret that says where it is, as a person would put it into `.data/secrets.json`. */
  readonly secret: { readonly name: string; readonly url: string }
  /** SIGKILL of all its processes. */
  kill(): Promise<void>
  /** On the same port, with the data that is there. */
  start(): Promise<void>
  /** SIGSTOP: connections stay open and nobody answers. */
  freeze(): void
  thaw(): void
  /** A clean stop, and nothing is left of it. */
  close(): Promise<void>
}

interface Running {
  readonly id?: { readonly pid: number }
  readonly exited?: Promise<unknown>
  stop(): Promise<void>
}
interface Place {
  readonly dataDir: string
  readonly port: number
  readonly password: string
}
interface Program {
  provide?(): Promise<unknown>
  start(place: Place): Promise<Running>
}

const tool = <T>(name: string): Promise<T> =>
  import(new URL(`../../../tools/lib/${name}.mjs`, import.meta.url).href) as Promise<T>

/** A broker that this machine has, or can be given. */
export interface Broker {
  /** Why there is none here. */
  readonly missing: string | undefined
  start(): Promise<BrokerServer>
}

/** One that `npm start` starts, too. */
export async function ownBroker(name: string): Promise<Broker> {
  const { servers } = await tool<{ servers: Record<string, Program> }>('infrastructure')
  const program = servers[name]
  if (program === undefined) throw new Error(`There is no server ${name}`)
  return brokerOf(program, name)
}

export async function mosquitto(): Promise<Broker> {
  const { demandProgram } = await tool<{ demandProgram(program: string, secret: string): Promise<void> }>(
    'packages',
  )
  const { startMosquitto: start } = await tool<{ startMosquitto: Program['start'] }>('mosquitto')
  return brokerOf({ provide: () => demandProgram('mosquitto', 'mqtt-url'), start }, 'mqtt')
}

async function brokerOf(program: Program, name: string): Promise<Broker> {
  const missing = await Promise.resolve(program.provide?.()).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return { missing, start: () => serve(program, name) }
}

async function serve(program: Program, name: string): Promise<BrokerServer> {
  const { ourAddress } = await tool<{
    ourAddress: Record<string, (port: number, password: string) => string>
  }>('secrets')
  const dataDir = await mkdtemp(join(tmpdir(), `parley-${name}-`))
  await mkdir(join(dataDir, 'logs'))
  const place = { dataDir, port: await freePorts(3), password: 'of-this-test' }
  let running = await program.start(place)
  const signal = (what: NodeJS.Signals) => {
    if (running.id) process.kill(-running.id.pid, what)
  }
  const lastResort = () => signal('SIGKILL')
  process.once('exit', lastResort)
  // The test command ends a file that takes too long.
  process.once('SIGTERM', () => process.exit(1))
  return {
    secret: { name: `${name}-url`, url: ourAddress[name]?.(place.port, place.password) ?? '' },
    async kill() {
      signal('SIGKILL')
      await running.exited
    },
    async start() {
      running = await program.start(place)
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async close() {
      await running.stop()
      process.removeListener('exit', lastResort)
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The first of some free ports in a row: some servers take more than the one that they are given. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort()
    const others = Array.from({ length: count - 1 }, (_, i) => isFree(first + 1 + i))
    if ((await Promise.all(others)).every(Boolean)) return first
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/** A directory for a Parley that is to use this server. */
export async function directoryFor({ secret }: BrokerServer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-'))
  await mkdir(join(directory, '.data'))
  await writeFile(join(directory, '.data/secrets.json'), JSON.stringify({ [secret.name]: secret.url }), {
    mode: 0o600,
  })
  return directory
}

type Secrets = Record<string, string>

/** Does for sidecars without a Parley what `npm start` does before it starts any: secrets in parts, and streams. */
export async function prepare(directory: string): Promise<void> {
  const { addressServers, loadSecrets, saveSecrets } = await tool<{
    loadSecrets(dataDir: string): Secrets
    saveSecrets(dataDir: string, secrets: Secrets): void
    addressServers(secrets: Secrets, ports: Record<string, number>, isUsed: () => boolean): unknown
  }>('secrets')
  const dataDir = join(directory, '.data')
  const secrets = loadSecrets(dataDir)
  addressServers(secrets, {}, () => false)
  saveSecrets(dataDir, secrets)
  const { provideBroker } = await tool<{ provideBroker(secrets: Secrets): Promise<void> }>('infrastructure')
  await provideBroker(secrets)
}
