// What is measured, one function each. All take the target: where it is, its load, and which processes it has.
import { setTimeout as sleep } from 'node:timers/promises'
import { say } from '../tools/lib/terminal.mjs'
import { busySeconds, sum, usageBetween, usageOf } from './usage.mjs'

/**
 * @typedef {object} Target
 * @property {'parley' | 'relay'} kind
 * @property {string} url
 * @property {import('./rpc.mjs').Helper} load
 * @property {() => import('./usage.mjs').Groups} groups
 * @property {() => Promise<number | undefined>} [storedBytes]
 *
 * @typedef {import('./load/flow.mjs').FlowResult} FlowResult
 * @typedef {FlowResult & { perSecond: number, usage: Record<string, import('./usage.mjs').Usage>, othersCores: number, kibPerMessage?: number }} Measured
   `othersCores`: how much of the machine went to what has nothing to do with the benchmark
 * @typedef {{ perSecond: number, seconds: number, warmUpSeconds: number }} Pace
 */

/** A highest rate means: everything stored and delivered once, in order, and this soon to 99 of 100. */
const recipientWithinMs = 250
const quietMs = 3_000
/** What earlier scenarios left to do (hundreds of people went offline) is done when less than this of a core is used. */
const idleShare = 0.05
const settleWithinMs = 30_000

/** @param {readonly number[]} list @param {number} size */
const chunks = (list, size) =>
  Array.from({ length: Math.floor(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  )
/** @param {number} count */
export const numbers = (count) => Array.from({ length: count }, (_, index) => index)

/**
 * @param {Target} target
 * @param {number[][]} members
 * @returns {Promise<number[]>}
 */
const roomsFor = ({ kind, url, load }, members) =>
  load.call('createRooms', { members, ...(kind === 'parley' && { url }) })

/**
 * @param {Target} target
 * @param {readonly number[]} people
 */
const connect = ({ kind, url, load }, people) => load.call('connect', { kind, url, people: [...people] })

/** @param {Target} target */
async function settle({ groups }) {
  const deadline = Date.now() + settleWithinMs
  const cpuSeconds = () => sum(Object.values(usageOf(groups()))).cpuSeconds
  for (let busy = 1; busy > idleShare && Date.now() < deadline; ) {
    const before = cpuSeconds()
    await sleep(quietMs)
    busy = (cpuSeconds() - before) / (quietMs / 1000)
  }
}

/**
 * @param {Target} target
 * @param {number[]} rooms
 * @param {Pace} pace
 * @param {number} drainSeconds
 * @returns {Promise<Measured>}
 */
async function flow({ load, groups }, rooms, pace, drainSeconds = 30) {
  const ours = () => usageOf({ ...groups(), load: [load.pid], bench: [process.pid] })
  const before = { usage: ours(), busy: busySeconds(), at: performance.now() }
  const result = await load.call('run', { rooms, ...pace, drainSeconds })
  const all = usageBetween(before.usage, ours())
  const seconds = (performance.now() - before.at) / 1000
  const othersSeconds = busySeconds() - before.busy - sum(Object.values(all)).cpuSeconds
  const othersCores = Math.max(0, othersSeconds / seconds)
  const { load: _load, bench: _bench, ...usage } = all
  return { ...result, perSecond: pace.perSecond, usage, othersCores }
}

/**
 * @param {Target} target
 * @param {{ rooms: number, drainSeconds?: number } & Pace} plan
 */
export async function steadyPairs(target, { rooms, drainSeconds, ...pace }) {
  const before = await target.storedBytes?.()
  const people = numbers(rooms * 2)
  const ids = await roomsFor(target, chunks(people, 2))
  await connect(target, people)
  await settle(target)
  const result = await flow(target, ids, pace, drainSeconds)
  await target.load.call('closeAll')
  if (before === undefined) return result
  await settle(target)
  const bytes = ((await target.storedBytes?.()) ?? Number.NaN) - before
  return { ...result, kibPerMessage: bytes / 1024 / result.sent }
}

/**
 * A rate that fails is tried once more: on a machine that does something else for a moment, one failure says little.
 * @param {Target} target
 * @param {{ rooms: number, from: number, least: number, most: number, refinements: number, seconds: number, warmUpSeconds: number }} plan
 * @returns {Promise<{ highest: Measured | undefined, tried: Measured[] }>}
 */
export async function highestRate(target, { rooms, seconds, warmUpSeconds, ...range }) {
  const people = numbers(rooms * 2)
  const ids = await roomsFor(target, chunks(people, 2))
  await connect(target, people)
  await settle(target)
  /** @type {Measured[]} */
  const tried = []
  const highest = await searchRate(range, async (perSecond) => {
    for (let tries = 0; tries < 2; tries++) {
      const result = await flow(target, ids, { perSecond, seconds, warmUpSeconds })
      tried.push(result)
      say(`    ${perSecond} msg/s: ${describe(result)}${busyWith(result)}`)
      if (isFine(result)) return result
      if (result.broken > 0) return undefined
      await settle(target)
    }
    return undefined
  })
  await target.load.call('closeAll')
  return { highest, tried }
}

/**
 * Doubles a rate until it is too much (or halves it until it is not), then halves the distance a few times.
 * @template T
 * @param {{ from: number, least: number, most: number, refinements: number }} range
 * @param {(rate: number) => Promise<T | undefined>} holds what was measured where the rate holds
 * @returns {Promise<T | undefined>} what was measured at the highest rate that holds
 */
export async function searchRate({ from, least, most, refinements }, holds) {
  /** @type {{ rate: number, result: T } | undefined} */
  let best
  let tooMuch = Number.POSITIVE_INFINITY
  for (let rate = from; rate >= least && rate <= most && !(best && tooMuch < Number.POSITIVE_INFINITY); ) {
    const result = await holds(rate)
    if (result === undefined) tooMuch = rate
    else best = { rate, result }
    rate = result === undefined ? rate / 2 : rate * 2
  }
  for (let left = refinements; left > 0 && best && tooMuch < Number.POSITIVE_INFINITY; left--) {
    const rate = Math.round((best.rate + tooMuch) / 2)
    const result = await holds(rate)
    if (result === undefined) tooMuch = rate
    else best = { rate, result }
  }
  return best?.result
}

/** @param {FlowResult} result */
export const isFine = ({ sent, acknowledged, delivered, doubled, misordered, broken, recipient }) =>
  acknowledged === sent &&
  delivered === sent &&
  doubled + misordered + broken === 0 &&
  recipient.p99 < recipientWithinMs

/** @param {Measured} result */
const busyWith = ({ othersCores }) =>
  othersCores > 0.1 ? `, ${othersCores.toFixed(1)} cores used by others` : ''

/** @param {FlowResult} result */
function describe({
  sent,
  acknowledged,
  delivered,
  doubled,
  misordered,
  refused,
  broken,
  lagMs,
  ack,
  recipient,
}) {
  const counts = {
    refused,
    doubled,
    misordered,
    broken,
    unanswered: sent - acknowledged - refused,
    undelivered: sent - delivered,
  }
  const wrong = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []))
  const times = `ack p99 ${ack.p99.toFixed(0)} ms, recipient p50 ${recipient.p50.toFixed(0)} p99 ${recipient.p99.toFixed(0)} ms, load late by ${lagMs.toFixed(0)} ms`
  return wrong.length > 0 ? `${wrong.join(', ')}; ${times}` : times
}

/**
 * @param {Target} target
 * @param {{ members: number } & Pace} plan
 */
export async function largeRoom(target, { members, ...pace }) {
  const people = numbers(members)
  const rooms = await roomsFor(target, [people])
  await connect(target, people)
  await settle(target)
  const result = await flow(target, rooms, pace)
  await target.load.call('closeAll')
  return result
}

/**
 * @param {Target} target
 * @param {{ messages: number, pages: number, limit: number }} plan
 * @returns {Promise<{ head: number, p50: number, p99: number }>}
 */
export async function historyPages(target, { messages, pages, limit }) {
  const people = numbers(4)
  const [room] = await roomsFor(target, [people])
  await connect(target, people)
  await settle(target)
  await target.load.call('fill', { room, count: messages })
  await target.load.call('closeAll')
  await settle(target)
  return target.load.call('readPages', { url: target.url, room, pages, limit })
}

/**
 * What a connection costs that only listens: memory of the processes that hold it, after less before.
 * @param {Target} target
 * @param {{ connections: number, people: number, holders: string[] }} plan
 * @returns {Promise<{ kibPerConnection: number }>}
 */
export async function idleConnections(target, { connections, people, holders }) {
  const memory = () => {
    const usage = usageOf(target.groups())
    return sum(holders.flatMap((name) => usage[name] ?? [])).memoryMiB
  }
  await settle(target)
  const before = memory()
  await connect(
    target,
    numbers(connections).map((index) => index % people),
  )
  await settle(target)
  const kibPerConnection = ((memory() - before) * 1024) / connections
  await target.load.call('closeAll')
  return { kibPerConnection }
}
