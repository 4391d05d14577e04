import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppId } from '@parley/contracts'
import { freePort } from './ports.ts'

/** Programs that `npm start` and `npm test` provide, or undefined where they were never run. */
const cached = (name: string) =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'parley', 'bin', name)

export const findDaprd = (): string | undefined =>
  [cached('daprd-1.18.0'), join(homedir(), '.dapr', 'bin', 'daprd')].find((path) => existsSync(path))

export const findFerretdb = (): string | undefined =>
  [cached('ferretdb-1.24.0')].find((path) => existsSync(path))

export interface DaprdOptions {
  readonly appId: AppId
  /** The app's port; none where it only calls out. */
  readonly appPort?: number
  readonly httpPort?: number
  readonly apiToken?: string
  readonly appApiToken?: string
  /** File name → YAML: written to a directory of its own. */
  readonly resources?: Readonly<Record<string, string>>
  readonly resourcesPaths?: readonly string[]
  readonly config?: string
  /** Where relative paths in the YAML start. A new temporary directory where it is left out. */
  readonly cwd?: string
}

export interface Daprd {
  readonly httpPort: number
  readonly pid: number
  /** All that it wrote. */
  log(): string
  /** SIGKILL, SIGSTOP, SIGCONT … */
  signal(name: NodeJS.Signals): void
  /** Starts it again with the same ports after it was killed. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts a real sidecar and waits until its components are loaded. Throws with its log where it ends instead. */
export async function startDaprd(options: DaprdOptions): Promise<Daprd> {
  const binary = findDaprd()
  if (binary === undefined) throw new Error('There is no daprd: run `npm start` once, it provides one')
  const directory = await mkdtemp(join(tmpdir(), 'parley-daprd-'))
  const cwd = options.cwd ?? directory
  const resourcesPaths = [...(options.resourcesPaths ?? [])]
  if (options.resources) {
    const path = join(directory, 'resources')
    await mkdir(path)
    for (const [name, yaml] of Object.entries(options.resources)) await writeFile(join(path, name), yaml)
    resourcesPaths.push(path)
  }
  const httpPort = options.httpPort ?? (await freePort())
  const flags = [
    ['app-id', options.appId],
    ['dapr-http-port', httpPort],
    ['dapr-grpc-port', await freePort()],
    ['dapr-internal-grpc-port', await freePort()],
    ['dapr-listen-addresses', '127.0.0.1'],
    ['enable-metrics', 'false'],
    ['placement-host-address', ''],
    ['scheduler-host-address', ''],
    ['log-level', 'info'],
    ...(options.appPort === undefined ? [] : [['app-port', options.appPort]]),
    ...(options.config === undefined ? [] : [['config', options.config]]),
    ...resourcesPaths.map((path) => ['resources-path', path]),
  ].map(([name, value]) => `--${name}=${value}`)
  const env = {
    ...process.env,
    ...(options.apiToken === undefined ? {} : { DAPR_API_TOKEN: options.apiToken }),
    ...(options.appApiToken === undefined ? {} : { APP_API_TOKEN: options.appApiToken }),
  }

  let log = ''
  const launch = async () => {
    const child = spawn(binary, flags, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (chunk: Buffer) => {
      log += chunk.toString()
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const deadline = Date.now() + 30_000
    while (!(await isHealthy(httpPort))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        throw new Error(`daprd did not get ready:\n${log.slice(-4_000)}`)
      }
      await delay(50)
    }
    return { child, ended }
  }

  let running = await launch()
  return {
    httpPort,
    get pid() {
      return running.child.pid ?? 0
    },
    log: () => log,
    signal: (name) => void running.child.kill(name),
    async restart() {
      running.child.kill('SIGKILL')
      await running.ended
      running = await launch()
    },
    async stop() {
      // daprd waits for what it serves; a test that ends is not worth that.
      running.child.kill('SIGKILL')
      await running.ended
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function isHealthy(httpPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/v1.0/healthz/outbound`, {
      signal: AbortSignal.timeout(1_000),
    })
    return answer.ok
  } catch {
    return false
  }
}
