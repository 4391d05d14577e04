// A Parley of its own for the benchmark: own ports, own data, rates lifted; ended and deleted afterwards.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readRunState } from '../tools/lib/run-state.mjs'
import { SetupError } from '../tools/lib/terminal.mjs'

const readyWithinMs = 300_000

/**
 * @typedef {object} Parley
 * @property {string} url
 * @property {() => import('./usage.mjs').Groups} groups
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{ profile: string, cpuProfiles?: string | undefined }} options `cpuProfiles`: a directory for what each
 *   process of Node spent its time on
 * @returns {Promise<Parley>}
 */
export async function startParley({ profile, cpuProfiles }) {
  const directory = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const script = fileURLToPath(new URL('../tools/start.mjs', import.meta.url))
  const args = [script, '--no-build', '--profile', profile, '--port-offset', 'auto', '--data', directory]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own: Ctrl-C is passed on by us, after the load has ended.
    detached: true,
    env: {
      ...process.env,
      PARLEY_RATE_LIMITS: 'off',
      ...(cpuProfiles
        ? {
            PARLEY_CPU_PROFILES: cpuProfiles,
            NODE_OPTIONS: `--import ${new URL('./cpu-profile.mjs', import.meta.url).href}`,
          }
        : {}),
    },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said = (said + chunk).slice(-8_000)
    })
  }
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(directory, { recursive: true, force: true })
  }

  const state = () => readRunState(join(directory, '.data'))
  const deadline = Date.now() + readyWithinMs
  while (state()?.state !== 'ready') {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new SetupError(`Parley did not start for the benchmark:\n${said.trim()}`)
    }
    await sleep(200)
  }
  return { url: state()?.urls.gateway ?? '', groups: () => groupsOf(state()), stop }
}

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
