// The running whole: servers, then every app of dapr.yaml with its sidecar, supervised.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInfrastructure } from './infrastructure.mjs'
import { demandFreePorts } from './ports.mjs'
import { chooseProfile, resourcePaths } from './profiles.mjs'
import { root } from './root.mjs'
import { portsOf, readRunFile } from './run-file.mjs'
import { clearRunState, self, takeOver, writeRunState } from './run-state.mjs'
import { Supervisor, watchAll } from './supervisor.mjs'
import { dim, SetupError, say, step, warn } from './terminal.mjs'

const readyWithinMs = 90_000

/**
 * @typedef {object} SystemOptions
 * @property {import('./options.mjs').Options} options
 * @property {{ dapr: string, runtimePath: string }} binaries
 * @property {AbortSignal} signal aborted: somebody wants to stop, also while it still starts
 */

export class System {
  /** @param {SystemOptions} setup */
  constructor({ options, binaries, signal }) {
    this.options = options
    this.binaries = binaries
    this.signal = signal
    this.profile = chooseProfile(options)
    this.dataDir = join(options.runDir, '.data')
    if (options.replicas > 1 && this.profile.broker === 'mqtt')
      throw new SetupError(
        'The broker mqtt serves one replica per service: each is one MQTT client, and a second one of that name ends the first. Take another broker, as in `npm start -- --profile redis --replicas 2`.',
      )
    this.apps = readRunFile({
      portOffset: options.portOffset,
      replicas: options.replicas,
      ...(options.runFile ? { file: options.runFile } : {}),
    })
    /** @type {Supervisor[]} */
    this.supervisors = []
    /** @type {import('./infrastructure.mjs').Infrastructure | undefined} */
    this.infrastructure = undefined
    this.state = /** @type {'starting' | 'ready' | 'stopping'} */ ('starting')
    this.unwatch = () => {}
    this.ownsDirectory = false
    this.me = self()
    /** @type {(error: SetupError) => void} */
    this.break = () => {}
    /** Rejects when there is no way on.
     * @type {Promise<never>} */
    this.broken = new Promise((_resolve, reject) => {
      this.break = reject
    })
    this.broken.catch(() => {})
  }

  get gatewayUrl() {
    const gateway = this.apps.find((app) => app.env.GATEWAY_PORT)
    return gateway ? `http://localhost:${gateway.env.GATEWAY_PORT}` : ''
  }

  async start() {
    const { portOffset, runDir } = this.options
    mkdirSync(this.dataDir, { recursive: true })
    await takeOver(this.dataDir)
    this.ownsDirectory = true
    forgetNames(this.dataDir)
    await demandFreePorts(portsOf(this.apps))
    this.#publish()
    this.infrastructure = await startInfrastructure({
      profile: this.profile,
      dataDir: this.dataDir,
      portOffset,
      check: (secrets) => {
        if (this.options.replicas > 1 && !secrets['redis-url'])
          throw new SetupError(
            'Several nodes of realtime reach each other over Redis, and this profile has none: take --broker redis, or --stores redis or reference.',
          )
      },
    })
    this.infrastructure.watch((name) =>
      this.break(
        new SetupError(
          `The server ${name} has ended, and nothing works without it. See ${join(this.dataDir, 'logs')}, then start again.`,
        ),
      ),
    )
    this.#publish()
    this.signal.throwIfAborted()
    const { secrets } = this.infrastructure
    // dapr.yaml's `env` reaches the app only; daprd reads both tokens from the environment of `dapr run`.
    const env = {
      ...process.env,
      DAPR_API_TOKEN: secrets['dapr-api-token'],
      APP_API_TOKEN: secrets['app-api-token'],
    }
    this.supervisors = this.apps.map(
      (app) =>
        new Supervisor({
          app,
          runDir,
          logPath: join(this.dataDir, 'logs', `${app.id}.log`),
          binaries: this.binaries,
          resourcePaths: resourcePaths(this.profile),
          env,
          onChange: () => this.#publish(),
          onNotice: (text) => warn(`${app.id} ${text}`),
          onLine: this.options.verbose ? (line) => say(`${dim(app.id)} ${line}`) : undefined,
          onHopeless: (reason) =>
            this.break(
              new SetupError(
                `${app.id} does not start: ${reason.replace(/^ConfigError: /, '')}\nMend that and start again. More is in ${join(this.dataDir, 'logs', `${app.id}.log`)}.`,
              ),
            ),
        }),
    )
    await step(`Services: ${this.apps.map(({ id }) => id).join(', ')}`, async () => {
      for (const supervisor of this.supervisors) supervisor.start()
      this.unwatch = watchAll(this.supervisors)
      await Promise.race([this.#allReady(), this.broken])
    })
    this.state = 'ready'
    this.#publish()
  }

  async #allReady() {
    const deadline = Date.now() + readyWithinMs
    while (!this.supervisors.every(({ state }) => state === 'ready')) {
      this.signal.throwIfAborted()
      if (Date.now() > deadline) {
        const late = this.supervisors.filter(({ state }) => state !== 'ready')
        throw new SetupError(
          `Not ready after ${readyWithinMs / 1000} s: ${late.map(({ id, said }) => `${id} (${said})`).join('; ')}. The logs are in ${join(this.dataDir, 'logs')}.`,
        )
      }
      await sleep(50)
    }
    this.signal.throwIfAborted()
  }

  /**
   * Apps first, the last of dapr.yaml first, each with its sidecar; then the servers.
   * @param {AbortSignal} hurry kills what has not ended by then
   */
  async stop(hurry) {
    this.state = 'stopping'
    for (const supervisor of [...this.supervisors].reverse()) await supervisor.stop(hurry)
    this.unwatch()
    await this.infrastructure?.stop(hurry)
    if (this.ownsDirectory) clearRunState(this.dataDir)
  }

  #publish() {
    const { portOffset } = this.options
    const servers = this.infrastructure?.servers ?? {}
    const running = this.supervisors.flatMap(({ processes }) => processes.dapr ?? [])
    writeRunState(this.dataDir, {
      state: this.state,
      supervisor: this.me,
      profile: this.profile,
      portOffset,
      urls: {
        gateway: this.gatewayUrl,
        sidecars: Object.fromEntries(
          this.apps.map((app) => [app.id, `http://127.0.0.1:${app.daprHttpPort}`]),
        ),
      },
      servers: Object.fromEntries(
        Object.entries(servers).map(([name, { port, id }]) => [name, { port, pid: id?.pid ?? process.pid }]),
      ),
      apps: Object.fromEntries(
        this.supervisors.map(({ id, state, restarts, processes, options: { app } }) => [
          id,
          {
            state,
            restarts,
            appPort: app.appPort,
            daprHttpPort: app.daprHttpPort,
            pids: {
              supervisor: process.pid,
              dapr: processes.dapr?.pid,
              daprd: processes.daprd?.pid,
              app: processes.app?.pid,
            },
          },
        ]),
      ),
      groups: [...Object.values(servers).flatMap(({ id }) => id ?? []), ...running],
    })
  }
}

/**
 * Where the sidecars of the run before were: for 20 s more, half of the calls would go there, if the ports are others now.
 * @param {string} dataDir
 */
function forgetNames(dataDir) {
  for (const end of ['', '-shm', '-wal']) rmSync(join(dataDir, `names.sqlite${end}`), { force: true })
}

/** @param {System} system */
export function showHowToGoOn(system) {
  const { runDir } = system.options
  const demo = runDir === root ? 'npm run demo' : `npm run demo -- --data ${runDir}`
  say()
  say(`Parley runs: ${system.gatewayUrl}`)
  say()
  say('  Open it in two windows (one of them private), sign up as two people, and chat.')
  say(`  The API with its description: ${system.gatewayUrl}/api/docs`)
  say(`  Two real clients, 1,000 messages, a verdict: ${demo}`)
  say('  Ctrl-C stops everything; what was said is there again at the next start.')
  say()
}
