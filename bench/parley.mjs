// A Parley of its own for the benchmark: own ports, own data, rates lifted; ended and deleted afterwards.
import { join } from 'node:path'
import { startParley as start } from '@parley/testkit'
import pg from 'pg'
import { readRunState } from '../tools/lib/run-state.mjs'
import { loadSecrets } from '../tools/lib/secrets.mjs'
import { SetupError } from '../tools/lib/terminal.mjs'

/**
 * @typedef {object} Parley
 * @property {string} url
 * @property {() => import('./usage.mjs').Groups} groups
 * @property {() => Promise<number | undefined>} storedBytes undefined where the stores are not our PostgreSQL
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{ profile: string, cpuProfiles?: string | undefined }} options `cpuProfiles`: a directory for what each
 *   process of Node spends its time on
 * @returns {Promise<Parley>}
 */
export async function startParley({ profile, cpuProfiles }) {
  const profiling = cpuProfiles && {
    PARLEY_CPU_PROFILES: cpuProfiles,
    NODE_OPTIONS: `--import ${new URL('./cpu-profile.mjs', import.meta.url).href}`,
  }
  const { url, directory, stop } = await start({
    args: ['--profile', profile],
    env: { PARLEY_RATE_LIMITS: 'off', ...profiling },
    readyWithinMs: 300_000,
  }).catch((error) => {
    throw new SetupError(error.message)
  })
  return { url, groups: () => groupsIn(directory), storedBytes: () => storedBytes(directory), stop }
}

/**
 * Of all services together, without what was replaced and waits to be used again.
 * @param {string} directory
 */
async function storedBytes(directory) {
  const dataDir = join(directory, '.data')
  const port = readRunState(dataDir)?.servers.postgres?.port
  if (port === undefined) return undefined
  const password = String(loadSecrets(dataDir)['postgres-password'])
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'parley', password, database: 'parley' })
  await client.connect()
  try {
    await client.query('VACUUM FULL')
    const { rows } = await client.query('SELECT pg_database_size(current_database()) AS bytes')
    return Number(rows[0].bytes)
  } finally {
    await client.end()
  }
}

/**
 * The processes of a Parley that runs.
 * @param {string} directory where its `.data/` is
 */
export const groupsIn = (directory) => groupsOf(readRunState(join(directory, '.data')))

/**
 * @param {import('../tools/lib/run-state.mjs').RunState | undefined} state
 * @returns {import('./usage.mjs').Groups}
 */
function groupsOf(state) {
  if (!state) throw new Error('Parley has ended in the middle of the benchmark')
  /** @type {import('./usage.mjs').Groups} */
  const groups = {}
  const add = (/** @type {string} */ name, /** @type {number | undefined} */ pid) => {
    if (pid !== undefined) groups[name] = [...(groups[name] ?? []), pid]
  }
  for (const [id, { pids }] of Object.entries(state.apps)) {
    add(id, pids.app)
    add(`sidecar of ${id}`, pids.daprd)
    add('dapr run (all)', pids.dapr)
  }
  for (const [name, { pid }] of Object.entries(state.servers)) {
    if (pid !== state.supervisor.pid) add(name, pid)
  }
  add(state.servers.mqtt ? 'npm start with the MQTT broker' : 'npm start', state.supervisor.pid)
  return groups
}
