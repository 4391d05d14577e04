// A database or broker that we start as a process of its own.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { groupIsAlive, identify, signal } from './processes.mjs'
import { SetupError } from './terminal.mjs'

/**
 * @typedef {object} ServerProcess
 * @property {import('./processes.mjs').ProcessId} id
 * @property {(hurry?: AbortSignal) => Promise<void>} stop
 * @property {Promise<number | null>} exited
 */

/**
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.command
 * @param {readonly string[]} options.args
 * @param {string} options.logFile
 * @param {string} [options.input] for its standard input
 * @param {string} [options.cwd]
 * @param {Record<string, string>} [options.env] beside that of this process
 * @param {number} [options.uid]
 * @param {number} [options.gid]
 * @param {() => boolean | Promise<boolean>} options.isReady asked until it says yes
 * @param {number} [options.readyWithinMs]
 * @param {NodeJS.Signals} options.stopSignal
 * @param {number} [options.stopWithinMs]
 * @returns {Promise<ServerProcess>}
 */
export async function startServerProcess(options) {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, 'a')
  const logStart = statSync(options.logFile).size
  // In a group of its own, so that Ctrl-C in the terminal does not reach it: it goes last, after those who write to it.
  const child = spawn(options.command, [...options.args], {
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', log, log],
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.env ? { env: { ...process.env, ...options.env } } : {}),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: /** @type {number} */ (options.gid) }),
  })
  closeSync(log)
  child.stdin?.end(options.input)
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => {
    child.on('exit', (code) => resolve(code))
    child.on('error', () => resolve(127))
  })
  let ended = false
  exited.then(() => {
    ended = true
  })
  const deadline = Date.now() + (options.readyWithinMs ?? 30_000)
  while (!(await options.isReady())) {
    if (ended || Date.now() > deadline) {
      if (child.pid) signal(-child.pid, 'SIGKILL')
      const said = readFileSync(options.logFile, 'utf8')
        .slice(logStart)
        .trim()
        .split('\n')
        .slice(-3)
        .join('\n  ')
      throw new SetupError(
        `${options.name} does not start${said ? `:\n  ${said}` : ''}\nMore is in ${options.logFile}.`,
      )
    }
    await sleep(25)
  }
  const pid = /** @type {number} */ (child.pid)
  return {
    id: identify(pid) ?? { pid, startedAt: '' },
    exited,
    async stop(hurry) {
      if (ended) return
      const deadline = AbortSignal.any([
        AbortSignal.timeout(options.stopWithinMs ?? 8_000),
        ...(hurry ? [hurry] : []),
      ])
      const kill = () => signal(-pid, 'SIGKILL')
      deadline.addEventListener('abort', kill)
      if (deadline.aborted) kill()
      else signal(pid, options.stopSignal)
      await exited
      deadline.removeEventListener('abort', kill)
      if (groupIsAlive(pid)) kill()
    },
  }
}
