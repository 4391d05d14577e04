/** The real brokers and databases: each a server of this test's own, which it may kill, freeze and start again. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@parley/testkit'

export interface Server {
  readonly name: string
  /** The secret that says where it is, as a person would put it into `.data/secrets.json`. */
  readonly secret: { readonly name: string; readonly url: string }
  /** SIGKILL of all its processes; one that runs in this process ends and forgets everything. */
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

export const tool = <T>(name: string): Promise<T> =>
  import(new URL(`../../../tools/lib/${name}.mjs`, import.meta.url).href) as Promise<T>

/** A server that this machine has, or can be given. */
export interface Provided {
  /** Why there is none here. */
  readonly missing: string | undefined
  /** @param base where its data and its log are; a new directory, removed at the end, where it is left out */
  start(base?: string): Promise<Server>
}

/** One that `npm start` starts, too, or Mosquitto in the place of the MQTT broker that it has. */
export async function provideServer(name: string): Promise<Provided> {
  const program = name === 'mosquitto' ? await mosquitto() : (await infrastructure()).servers[name]
  if (program === undefined) throw new Error(`There is no server ${name}`)
  const missing = await Promise.resolve(program.provide?.()).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return { missing, start: (base) => serve(program, name, base) }
}

const infrastructure = () =>
  tool<{
    servers: Record<string, Program>
    serverPorts(offset: number): Record<string, number>
    provideBroker(secrets: Secrets): Promise<void>
  }>('infrastructure')

async function mosquitto(): Promise<Program> {
  const { demandProgram } = await tool<{ demandProgram(program: string, secret: string): Promise<void> }>(
    'packages',
  )
  const { startMosquitto: start } = await tool<{ startMosquitto: Program['start'] }>('mosquitto')
  return { provide: () => demandProgram('mosquitto', 'mqtt-url'), start }
}

/** The servers that the components of these folders refer to. */
export async function serversOf(folders: readonly string[]): Promise<string[]> {
  const { readResources, requiredSecrets } = await tool<{
    readResources(paths: readonly string[]): unknown[]
    requiredSecrets(resources: unknown[]): Map<string, string>
  }>('profiles')
  const { addressServers } = await secretsTool()
  const paths = folders.map((folder) =>
    fileURLToPath(new URL(`../../../components/${folder}`, import.meta.url)),
  )
  const used = requiredSecrets(readResources(paths))
  return [...addressServers({}, (await infrastructure()).serverPorts(0), (name) => used.has(name))]
}

async function serve(program: Program, name: string, base?: string): Promise<Server> {
  const { ourAddress } = await secretsTool()
  const dataDir = base ?? (await mkdtemp(join(tmpdir(), `parley-${name}-`)))
  await mkdir(join(dataDir, 'logs'), { recursive: true })
  const kind = name === 'mosquitto' ? 'mqtt' : name
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
    name,
    secret: { name: `${kind}-url`, url: ourAddress[kind]?.(place.port, place.password) ?? '' },
    async kill() {
      signal('SIGKILL')
      await (running.id ? running.exited : running.stop())
    },
    async start() {
      running = await program.start(place)
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async close() {
      await running.stop()
      process.removeListener('exit', lastResort)
      if (base === undefined) await rm(dataDir, { recursive: true, force: true })
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

/** A directory for a Parley that is to use these servers. */
export async function directoryFor(servers: readonly Server[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-'))
  await mkdir(join(directory, '.data'))
  await writeSecrets(directory, servers)
  return directory
}

export async function writeSecrets(directory: string, servers: readonly Server[]): Promise<void> {
  const secrets = Object.fromEntries(servers.map(({ secret }) => [secret.name, secret.url]))
  await writeFile(join(directory, '.data/secrets.json'), JSON.stringify(secrets), { mode: 0o600 })
}

type Secrets = Record<string, string>
const secretsTool = () =>
  tool<{
    ourAddress: Record<string, (port: number, password: string) => string>
    loadSecrets(dataDir: string): Secrets
    saveSecrets(dataDir: string, secrets: Secrets): void
    addressServers(
      secrets: Secrets,
      ports: Record<string, number>,
      isUsed: (name: string) => boolean,
    ): Set<string>
  }>('secrets')

/** Does for sidecars without a Parley what `npm start` does before it starts any: secrets in parts, and streams. */
export async function prepare(directory: string): Promise<void> {
  const { addressServers, loadSecrets, saveSecrets } = await secretsTool()
  const dataDir = join(directory, '.data')
  const secrets = loadSecrets(dataDir)
  addressServers(secrets, {}, () => false)
  saveSecrets(dataDir, secrets)
  const { provideBroker } = await infrastructure()
  await provideBroker(secrets)
}
