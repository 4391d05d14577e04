// Processor time and memory of processes, as the operating system counts them.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { listProcesses } from '../tools/lib/processes.mjs'

/**
 * @typedef {{ cpuSeconds: number, memoryMiB: number }} Usage
 * @typedef {Record<string, number[]>} Groups pids by what they are; their descendants count with them
 */

const ticksPerSecond = 100

/**
 * @param {Groups} groups
 * @returns {Record<string, Usage>}
 */
export function usageOf(groups) {
  const table = listProcesses()
  const named = new Set(Object.values(groups).flat())
  /** @type {(pid: number) => number[]} */
  const family = (pid) => [
    pid,
    ...table
      .filter(({ parent, pid: child }) => parent === pid && !named.has(child))
      .flatMap((one) => family(one.pid)),
  ]
  return Object.fromEntries(
    Object.entries(groups).map(([name, pids]) => [name, sum(pids.flatMap(family).map(usageOfProcess))]),
  )
}

/**
 * @param {Record<string, Usage>} before
 * @param {Record<string, Usage>} after
 * @returns {Record<string, Usage>} the time between the two, the memory after
 */
export const usageBetween = (before, after) =>
  Object.fromEntries(
    Object.entries(after).map(([name, { cpuSeconds, memoryMiB }]) => [
      name,
      { cpuSeconds: cpuSeconds - (before[name]?.cpuSeconds ?? 0), memoryMiB },
    ]),
  )

/** @param {readonly Usage[]} list */
export const sum = (list) =>
  list.reduce(
    (total, { cpuSeconds, memoryMiB }) => ({
      cpuSeconds: total.cpuSeconds + cpuSeconds,
      memoryMiB: total.memoryMiB + memoryMiB,
    }),
    { cpuSeconds: 0, memoryMiB: 0 },
  )

/** Seconds that all processors together have worked since the machine started. */
export const busySeconds = () =>
  cpus().reduce((total, { times: { user, nice, sys, irq } }) => total + (user + nice + sys + irq) / 1000, 0)

/**
 * @param {number} pid
 * @returns {Usage}
 */
function usageOfProcess(pid) {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  } catch {
    return { cpuSeconds: 0, memoryMiB: 0 } // it has ended
  }
}

/** @param {number} pid */
function fromProc(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Proportional: what several processes share, as those of PostgreSQL do, is divided among them.
  const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    memoryMiB: Number(pss?.[1] ?? 0) / 1024,
  }
}

/** @param {number} pid */
function fromPs(pid) {
  const [rss = '0', time = '0'] = execFileSync('ps', ['-o', 'rss=,time=', '-p', String(pid)], {
    encoding: 'utf8',
  })
    .trim()
    .split(/\s+/)
  const cpuSeconds = time.split(':').reduce((total, part) => total * 60 + Number(part), 0)
  return { cpuSeconds, memoryMiB: Number(rss) / 1024 }
}
