/** A whole Parley, started as `npm start` starts it: real sidecars, real servers, on ports and data of its own. */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pid = z.number().optional()
const runState = z.object({
  state: z.enum(['starting', 'ready', 'stopping']),
  urls: z.object({ gateway: z.string(), sidecars: z.record(z.string(), z.string()) }),
  servers: z.record(z.string(), z.object({ port: z.number(), pid })),
  apps: z.record(
    z.string(),
    z.object({ state: z.string(), restarts: z.number(), pids: z.object({ app: pid, daprd: pid }) }),
  ),
})
/** What `npm start` writes to `.data/run.json` at every change. */
export type RunState = z.infer<typeof runState>

export interface ParleyOptions {
  /** Where `.data/` is. A new temporary directory, removed at the end, where it is left out. */
  readonly directory?: string
  /** More options of `npm start`, such as `--profile`, `redis`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly readyWithinMs?: number
}

export interface Parley {
  /** The gateway. */
  readonly url: string
  readonly directory: string
  state(): Promise<RunState>
  /** SIGKILL of a replica (`messages`, `messages-2`…) or its sidecar; done when the pair is ready again. */
  kill(replica: string, what: 'app' | 'daprd'): Promise<void>
  /** All that `npm start` printed. */
  output(): string
  stop(): Promise<void>
}

/** Starts what is compiled. Throws with all that was printed where it does not get ready. */
export async function startParley(options: ParleyOptions = {}): Promise<Parley> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'parley-')))
  const args = ['--no-build', '--port-offset', 'auto', '--data', directory, ...(options.args ?? [])]
  const child = spawn(process.execPath, [join(root, 'tools/start.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  // A test that fails in the middle leaves nothing behind.
  const end = () => child.kill('SIGTERM')
  process.once('exit', end)
  // The test command ends a file that takes too long.
  const exit = () => process.exit(1)
  process.once('SIGTERM', exit)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  let exited = false
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      exited = true
      resolve()
    }),
  )
  const state = async () =>
    runState.parse(JSON.parse(await readFile(join(directory, '.data/run.json'), 'utf8')))

  async function stop(): Promise<void> {
    end()
    const impatience = setTimeout(end, 60_000)
    await ended
    clearTimeout(impatience)
    process.removeListener('exit', end)
    process.removeListener('SIGTERM', exit)
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
  }

  async function ready(): Promise<RunState> {
    const found = await until(
      async () => exited || ((await state()).state === 'ready' && state()),
      'Parley is ready',
      options.readyWithinMs ?? 180_000,
    )
    if (found === true) throw new Error('Parley ended')
    return found
  }

  try {
    const { urls } = await ready()
    return {
      url: urls.gateway,
      directory,
      state,
      output: () => output,
      stop,
      async kill(replica, what) {
        const before = (await state()).apps[replica]
        const target = before?.pids[what]
        if (before === undefined || target === undefined) throw new Error(`${replica} has no ${what} now`)
        process.kill(target, 'SIGKILL')
        await until(
          async () => {
            const now = (await state()).apps[replica]
            return now?.state === 'ready' && now.restarts > before.restarts
          },
          `${replica} is ready again after its ${what} was killed`,
          120_000,
        )
      },
    }
  } catch (error) {
    await stop()
    throw new Error(`Parley does not start here:\n${output.slice(-6_000)}`, { cause: error })
  }
}
