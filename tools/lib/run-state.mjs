// .data/run.json: what runs here, for the tests, the other tools and the next start. Rewritten at every change.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endGroups, identify, isAlive } from './processes.mjs'
import { SetupError, warn } from './terminal.mjs'

/**
 * @typedef {object} AppState
 * @property {string} state
 * @property {number} restarts
 * @property {number | undefined} appPort
 * @property {number} daprHttpPort
 * @property {Record<'supervisor' | 'dapr' | 'daprd' | 'app', number | undefined>} pids
 *
 * @typedef {object} RunState
 * @property {'starting' | 'ready' | 'stopping'} state
 * @property {import('./processes.mjs').ProcessId} supervisor
 * @property {import('./profiles.mjs').Profile} profile
 * @property {number} portOffset
 * @property {{ gateway: string, sidecars: Record<string, string> }} urls
 * @property {Record<string, { port: number, pid: number | undefined }>} servers
 * @property {Record<string, AppState>} apps
 * @property {import('./processes.mjs').ProcessId[]} groups leaders of the process groups that this run started
 */

const pathIn = (/** @type {string} */ dataDir) => join(dataDir, 'run.json')

/**
 * @param {string} dataDir
 * @returns {RunState | undefined}
 */
export function readRunState(dataDir) {
  try {
    return JSON.parse(readFileSync(pathIn(dataDir), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * @param {string} dataDir
 * @param {RunState} state
 */
export function writeRunState(dataDir, state) {
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(`${pathIn(dataDir)}.new`, `${JSON.stringify(state, undefined, 2)}\n`)
  renameSync(`${pathIn(dataDir)}.new`, pathIn(dataDir))
}

/** @param {string} dataDir */
export const clearRunState = (dataDir) => rmSync(pathIn(dataDir), { force: true })

/** Refuses to run twice in one directory, and ends what a run that was killed hard has left behind. */
export async function takeOver(/** @type {string} */ dataDir) {
  const former = existsSync(pathIn(dataDir)) ? readRunState(dataDir) : undefined
  if (!former) return
  if (isAlive(former.supervisor)) {
    throw new SetupError(
      `Parley runs here already (process ${former.supervisor.pid}): stop it with Ctrl-C in its terminal, or run a second one with \`npm start -- --port-offset 1000 --data <directory>\`.`,
    )
  }
  const ended = await endGroups(former.groups ?? [])
  if (ended > 0)
    warn(
      `A former run was killed before it could clean up: ${ended} of its process groups were still there and have been ended.`,
    )
  clearRunState(dataDir)
}

/**
 * For a tool that works on the data of a stopped Parley: until it clears the run state, nothing starts here.
 * @param {string} dataDir
 * @param {number} portOffset
 * @returns {Promise<(groups: import('./processes.mjs').ProcessId[]) => void>} tells what was started
 */
export async function holdDirectory(dataDir, portOffset) {
  await takeOver(dataDir)
  const hold = (/** @type {import('./processes.mjs').ProcessId[]} */ groups) =>
    writeRunState(dataDir, {
      state: 'starting',
      supervisor: self(),
      profile: { broker: '', stores: '' },
      portOffset,
      urls: { gateway: '', sidecars: {} },
      servers: {},
      apps: {},
      groups,
    })
  hold([])
  return hold
}

export const self = () => identify(process.pid) ?? { pid: process.pid, startedAt: '' }
