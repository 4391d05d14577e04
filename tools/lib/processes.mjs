// Which processes run, and whose they are. A process id alone says little, as ids are used again: a process is known by
// its id together with the time at which it started.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {{ pid: number, parent: number, group: number, startedAt: string, command: string }} Process */
/** @typedef {{ pid: number, startedAt: string }} ProcessId */

/** @returns {Process[]} */
export function listProcesses() {
  return process.platform === 'linux' ? fromProc() : fromPs()
}

const fromProc = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => oneFromProc(Number(name)) ?? [])

/**
 * @param {number} pid
 * @returns {Process | undefined}
 */
function oneFromProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name in parentheses and may hold anything; what follows the last one is numbers.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return undefined
    return {
      pid,
      parent: Number(fields[1]),
      group: Number(fields[2]),
      startedAt: fields[19] ?? '',
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
    }
  } catch {
    return undefined // it has ended
  }
}

function fromPs() {
  const table = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,lstart=,command='], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 16 * 1024 * 1024,
  })
  return table.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line)
    if (!match) return []
    const [, pid, parent, group, startedAt = '', command = ''] = match
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), startedAt, command }]
  })
}

/**
 * @param {number} pid
 * @returns {ProcessId | undefined}
 */
export function identify(pid) {
  const found =
    process.platform === 'linux' ? oneFromProc(pid) : listProcesses().find((one) => one.pid === pid)
  return found && { pid, startedAt: found.startedAt }
}

/** @param {ProcessId | undefined} id */
export const isAlive = (id) => id !== undefined && identify(id.pid)?.startedAt === id.startedAt

/**
 * Sends a signal; that the process is gone already is no error.
 * @param {number} pid negative: its whole group
 * @param {NodeJS.Signals} signal
 */
export function signal(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error
  }
}

/**
 * Whether anything of the group runs. (A signal 0 would also find zombies, which stay where process 1 does not reap.)
 * @param {number} group
 */
export const groupIsAlive = (group) => listProcesses().some((one) => one.group === group)

/**
 * Ends what a former run left behind, which was killed too hard to do it itself. A group is named by the process that
 * led it, and lives on without it; it is ours unless that id now belongs to a younger process.
 * @param {readonly ProcessId[]} leaders
 * @returns {Promise<number>} how many groups there were
 */
export async function endGroups(leaders) {
  const table = listProcesses()
  const ours = leaders.filter(({ pid, startedAt }) => {
    const leader = table.find((one) => one.pid === pid)
    return table.some((one) => one.group === pid) && (leader === undefined || leader.startedAt === startedAt)
  })
  // To PostgreSQL this is a fast and clean shutdown.
  for (const { pid } of ours) signal(-pid, 'SIGINT')
  const deadline = Date.now() + 2_000
  while (ours.some(({ pid }) => groupIsAlive(pid)) && Date.now() < deadline) await sleep(50)
  for (const { pid } of ours) signal(-pid, 'SIGKILL')
  while (ours.some(({ pid }) => groupIsAlive(pid)) && Date.now() < deadline + 2_000) await sleep(20)
  return ours.length
}
