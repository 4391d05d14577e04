// Keeps one `dapr run` alive: an app and its sidecar.
//
//   waiting ──spawn──▶ running ──readyz──▶ ready
//      ▲                  │                  │
//      └────back-off──────┴───one of the three processes is gone
//
// `stop` leads out of every state. `dapr run` ends both when its daprd or its app ends, so the pair always starts anew
// together. It also ends them hard: told to stop, it kills daprd before the app has seen the signal. So `stop` tells
// the app first, lets it write through its sidecar what it still holds, and the rest follows by itself.
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { explainFailure, isEcho, LogFile, readNotice } from './log-file.mjs'
import { groupIsAlive, identify, isAlive, listProcesses, signal } from './processes.mjs'

const pollMs = 250
const backOffMs = [200, 500, 1_000, 2_000, 5_000, 10_000]
/** After this time of running, the next failure counts as the first again. */
const stableMs = 30_000
/** `dapr run` notices a death at once, but for the time in which it still waits for its sidecar to answer. */
const patienceMs = 2_000
/** An app has its own deadlines for draining; this one is for an app that hangs. */
export const drainMs = 20_000

/** @typedef {'waiting' | 'running' | 'ready' | 'stopped'} State */

/**
 * @typedef {object} SupervisorOptions
 * @property {import('./run-file.mjs').AppEntry} app
 * @property {string} runDir
 * @property {string} logPath
 * @property {{ dapr: string, runtimePath: string }} binaries
 * @property {readonly string[]} resourcePaths
 * @property {NodeJS.ProcessEnv} env
 * @property {() => void} onChange
 * @property {(text: string) => void} onNotice
 * @property {((line: string) => void) | undefined} onLine every line of the log, where a person wants to see it
 * @property {(reason: string) => void} onHopeless it failed three times in a row before it was ever ready
 */

export class Supervisor {
  /** @param {SupervisorOptions} options */
  constructor(options) {
    this.options = options
    this.log = new LogFile(options.logPath)
    /** @type {State} */
    this.state = 'waiting'
    this.restarts = 0
    this.failuresInRow = 0
    this.everReady = false
    /** What its /readyz said last, for a person who waits. */
    this.said = 'starts'
    /** @type {{ dapr?: import('./processes.mjs').ProcessId | undefined, daprd?: import('./processes.mjs').ProcessId | undefined, app?: import('./processes.mjs').ProcessId | undefined }} */
    this.processes = {}
    /** @type {NodeJS.Timeout | undefined} */
    this.timer = undefined
    /** Resolves with how `dapr run` ended, where it did not end by itself.
     * @type {Promise<string | null>} */
    this.ended = Promise.resolve(null)
    /** @type {Map<string, number>} */
    this.lastSaid = new Map()
  }

  get id() {
    return this.options.app.id
  }

  get readyUrl() {
    const { appPort, env } = this.options.app
    return `http://127.0.0.1:${appPort ?? env.GATEWAY_PORT}/${appPort ? 'readyz' : 'healthz'}`
  }

  start() {
    if (this.state === 'stopped') return
    const { app, binaries, resourcePaths, env, runDir } = this.options
    const args = ['run', '--app-id', app.appId, '--config', app.configFile, '--log-level', app.logLevel]
    for (const path of resourcePaths) args.push('--resources-path', path)
    for (const [flag, port] of Object.entries({
      '--app-port': app.appPort,
      '--dapr-http-port': app.daprHttpPort,
      '--dapr-grpc-port': app.daprGrpcPort,
      '--dapr-internal-grpc-port': app.daprInternalGrpcPort,
      '--metrics-port': app.metricsPort,
    })) {
      if (port) args.push(flag, String(port))
    }
    args.push('--placement-host-address', '', '--scheduler-host-address', '')
    args.push(
      '--dapr-listen-addresses',
      '127.0.0.1',
      '--runtime-path',
      binaries.runtimePath,
      '--',
      ...app.command,
    )

    const logFd = this.log.open()
    this.runStart = this.log.size()
    this.startedAt = Date.now()
    // A group of its own: Ctrl-C in the terminal must reach the supervisor only, and a group can be ended as one.
    const child = spawn(binaries.dapr, args, {
      cwd: runDir,
      detached: true,
      stdio: ['ignore', logFd, logFd],
      env: { ...env, ...app.env },
    })
    closeSync(logFd)
    this.state = 'running'
    this.processes = child.pid ? { dapr: identify(child.pid) ?? { pid: child.pid, startedAt: '' } } : {}
    /** @type {number | undefined} */
    this.missingSince = undefined
    this.ended = new Promise((resolve) => {
      child.on('exit', (_code, by) => resolve(by && `dapr run was ended by ${by}`))
      child.on('error', (error) => resolve(error.message))
    })
    this.ended.then((how) => this.#afterEnd(how))
    this.options.onChange()
  }

  /**
   * Looks after the pair; called every `pollMs`.
   * @param {() => readonly import('./processes.mjs').Process[]} listAll the processes of the machine
   */
  async tick(listAll) {
    this.#showNotices()
    const { dapr } = this.processes
    if (!dapr || (this.state !== 'running' && this.state !== 'ready')) return
    const known = this.processes
    const { daprd, app } =
      isAlive(known.daprd) && isAlive(known.app) ? known : childrenOf(dapr.pid, listAll())
    // The app is started after daprd: where there is only the app, a daprd that failed at once was never seen.
    const daprdLost = !daprd && (known.daprd !== undefined || app !== undefined)
    const appLost = !app && known.app !== undefined
    if (daprdLost || appLost) {
      this.missingSince ??= Date.now()
      if (Date.now() - this.missingSince > patienceMs) signal(-dapr.pid, 'SIGKILL')
      return
    }
    this.missingSince = undefined
    if (daprd?.pid !== known.daprd?.pid || app?.pid !== known.app?.pid) {
      this.processes = { dapr, ...(daprd ? { daprd } : {}), ...(app ? { app } : {}) }
      this.options.onChange()
    }
    if (this.state === 'running') await this.#askReady()
  }

  async #askReady() {
    const run = this.processes.dapr
    const answer = await fetch(this.readyUrl, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    const body = /** @type {any} */ (await answer?.json().catch(() => undefined))
    if (this.processes.dapr !== run || this.state !== 'running') return
    if (answer?.ok) {
      this.state = 'ready'
      if (this.everReady)
        this.options.onNotice(`is back after ${((Date.now() - (this.startedAt ?? 0)) / 1000).toFixed(1)} s`)
      this.everReady = true
      this.options.onChange()
    } else if (body?.checks) {
      const wrong = Object.entries(body.checks).filter(([, value]) => value !== 'ok')
      this.said = wrong.map(([name, value]) => `${name}: ${value}`).join(', ')
    }
  }

  /** @param {string | null} how */
  #afterEnd(how) {
    const { dapr } = this.processes
    // If `dapr run` itself was killed, its children live on and hold the ports.
    if (dapr && groupIsAlive(dapr.pid)) signal(-dapr.pid, 'SIGKILL')
    this.processes = {}
    this.#showNotices()
    if (this.state === 'stopped') return
    const text = this.log.textFrom(this.runStart ?? 0)
    const wasTold = text.includes(`"${this.options.app.appId} is closed"`)
    const reason = explainFailure(text) ?? how ?? (wasTold ? 'it was told to' : 'it gave no reason')
    if (Date.now() - (this.startedAt ?? 0) > stableMs) this.failuresInRow = 0
    this.failuresInRow++
    this.state = 'waiting'
    // What is wrong in the configuration does not mend itself.
    if (!this.everReady && (this.failuresInRow >= 3 || reason.startsWith('ConfigError'))) {
      this.options.onHopeless(reason)
      return
    }
    const delay = backOffMs[Math.min(this.failuresInRow - 1, backOffMs.length - 1)] ?? 0
    this.restarts++
    // Until it was ready once, the end of the start tells what is wrong.
    if (this.everReady) this.options.onNotice(`ended (${reason}); it starts again in ${delay / 1000} s`)
    this.options.onChange()
    this.timer = setTimeout(() => this.start(), delay)
  }

  #showNotices() {
    for (const line of this.log.newLines()) {
      this.options.onLine?.(line)
      if (!this.everReady || this.state === 'stopped' || this.options.onLine) continue
      const notice = readNotice(line)
      if (!notice || isEcho(notice)) continue
      // The same words at most every 30 s: whoever waits for a server says so all the time.
      const key = notice.text.replace(/\d+/g, '#').slice(0, 120)
      if (Date.now() - (this.lastSaid.get(key) ?? 0) < 30_000) continue
      if (this.lastSaid.size > 1_000) this.lastSaid.clear()
      this.lastSaid.set(key, Date.now())
      this.options.onNotice(`${notice.level}: ${notice.text.slice(0, 400)}`)
    }
  }

  /**
   * @param {AbortSignal} hurry kills what has not ended by then
   */
  async stop(hurry) {
    this.state = 'stopped'
    clearTimeout(this.timer)
    const { dapr, app = this.#findApp() } = this.processes
    if (!dapr) return
    const kill = () => signal(-dapr.pid, 'SIGKILL')
    hurry.addEventListener('abort', kill)
    if (hurry.aborted) kill()
    if (app) {
      signal(app.pid, 'SIGTERM')
      const hung = setTimeout(kill, drainMs)
      await this.ended
      clearTimeout(hung)
    } else {
      signal(dapr.pid, 'SIGTERM')
      const hung = setTimeout(kill, patienceMs)
      await this.ended
      clearTimeout(hung)
    }
    hurry.removeEventListener('abort', kill)
    this.options.onChange()
  }

  /** It may have been started since the last look. */
  #findApp() {
    const { dapr } = this.processes
    return dapr && childrenOf(dapr.pid, listProcesses()).app
  }
}

/**
 * @param {number} dapr
 * @param {readonly import('./processes.mjs').Process[]} table
 */
function childrenOf(dapr, table) {
  const parent = table.find(({ pid }) => pid === dapr)
  // Between fork and exec a child has the command line of its parent, and during exec none.
  const children = table.filter((one) => one.parent === dapr && !['', parent?.command].includes(one.command))
  return {
    // `dapr run` first asks `daprd --version`, which is a daprd too.
    daprd: children.find(({ command }) => /\/daprd\S* .*--app-id /.test(command)),
    app: children.find(({ command }) => !/\/daprd\S* /.test(command)),
  }
}

/**
 * Ticks all supervisors from at most one look at the process table: where the machine has 200 processes it takes 11 ms, in
 * which the MQTT broker in this process stands still.
 * @param {readonly Supervisor[]} supervisors
 */
export function watchAll(supervisors) {
  let busy = false
  const timer = setInterval(async () => {
    if (busy) return
    busy = true
    try {
      /** @type {readonly import('./processes.mjs').Process[] | undefined} */
      let table
      const listAll = () => {
        table ??= listProcesses()
        return table
      }
      await Promise.all(supervisors.map((one) => one.tick(listAll)))
    } finally {
      busy = false
    }
  }, pollMs)
  return () => clearInterval(timer)
}
