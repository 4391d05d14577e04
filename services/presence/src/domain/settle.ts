import { isAlive, type Leases } from './lease.ts'
import { type Devices, nobody, type Person } from './person.ts'
import { timing } from './timing.ts'

type Shown = Person['shown']

/** Has a device on a node that is alive, whatever status is shown. */
export function isConnected(person: Person, leases: Leases, now: number): boolean {
  return Object.entries(person.nodes).some(([node, { epoch, sockets }]) => {
    const lease = leases.get(node)
    if (lease === undefined || lease.epoch !== epoch || !isAlive(lease, now)) return false
    return Object.values(sockets).some(({ connected }) => connected)
  })
}

/**
 * Decides what the others see. Coming and choosing show at once, going only after the grace: until then the person
 * carries `leavingSince` and has to be settled again. The same person is returned where nothing changes.
 */
export function settle(person: Person, leases: Leases, now: number): Person {
  const pruned = pruneNodes(person, leases, now)
  const { chosen, shown, leavingSince, ...rest } = pruned
  const connected = isConnected(pruned, leases, now)
  if (connected && chosen.status !== 'invisible') {
    const next: Shown = { status: chosen.status, lastSeenAt: now }
    if (chosen.text !== undefined) next.text = chosen.text
    const same = shown.status === next.status && shown.text === next.text
    if (same) return leavingSince === undefined ? pruned : { ...rest, chosen, shown }
    return { ...rest, chosen, shown: next, rev: pruned.rev + 1 }
  }
  if (shown.status === 'offline') return leavingSince === undefined ? pruned : { ...rest, chosen, shown }
  const since = leavingSince ?? now
  // Who turns invisible is gone at once: a grace would let others tell it from going.
  if (chosen.status !== 'invisible' && now < since + timing.graceMs)
    return leavingSince === undefined ? { ...pruned, leavingSince: since } : pruned
  const lastSeenAt = connected ? now : Math.min(now, lastSign(pruned, leases) ?? since)
  // Without the text: it would change while invisible, and so tell.
  return { ...rest, chosen, shown: { status: 'offline', lastSeenAt }, rev: pruned.rev + 1 }
}

/** When the person must be settled again, by the clock alone. */
export const settleAgainAt = (person: Person): number | undefined =>
  person.leavingSince === undefined ? undefined : person.leavingSince + timing.graceMs

/** What others see now, also before anyone has written it down. */
export const view = (person: Person | undefined, leases: Leases, now: number): Shown & { rev: number } => {
  const { shown, rev } = settle(person ?? nobody, leases, now)
  return { ...shown, rev }
}

/** The last that was heard of any device: its disconnect, or the last heartbeat of the node that took it along. */
function lastSign(person: Person, leases: Leases): number | undefined {
  const signs = Object.entries(person.nodes).flatMap(([node, { epoch, sockets }]) => {
    const lease = leases.get(node)
    return Object.values(sockets).flatMap(({ connected, at }) => {
      if (!connected) return [at]
      return lease?.epoch === epoch ? [lease.renewedAt] : []
    })
  })
  return signs.length === 0 ? undefined : Math.max(...signs)
}

/**
 * Drops the devices of nodes that are forgotten. Young ones stay: their lease may be newer than the leases at hand.
 */
function pruneNodes(person: Person, leases: Leases, now: number): Person {
  const isOver = ([node, { epoch, sockets }]: [string, Devices]) => {
    const lease = leases.get(node)
    if (lease !== undefined && lease.epoch <= epoch) return false
    return Object.values(sockets).every(({ at }) => now - at > timing.forgetNodeMs)
  }
  const over = Object.entries(person.nodes).filter(isOver)
  if (over.length === 0) return person
  const gone = new Set(over.map(([node]) => node))
  const nodes = Object.fromEntries(Object.entries(person.nodes).filter(([node]) => !gone.has(node)))
  return { ...person, nodes }
}
