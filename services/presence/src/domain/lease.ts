import { z } from 'zod'
import { timing } from './timing.ts'

/**
 * The lease of one node: `node:<node>`.
 *
 *   (absent) ──first event──▶ live ──15 s without a heartbeat──▶ lapsed ──heartbeat──▶ live
 *                              │                                   └──1 h──▶ (absent)
 *                              └──closing──▶ closed ──a newer epoch──▶ live
 *
 * It moves only forward in `(epoch, counter)`, so that late, doubled and reordered events change nothing. Time is that
 * of the replica that handles the event, never that of the node: clocks of nodes may be wrong, those of the replicas
 * are taken to agree within a second or two.
 */
export const lease = z.object({
  epoch: z.number().int(),
  /** Of the last heartbeat; -1 before the first. */
  counter: z.number().int(),
  renewedAt: z.number(),
  expiresAt: z.number(),
  closed: z.boolean(),
  /** What the people of this node were last told to look at: differs from `isAlive` when there is a turn to tell. */
  live: z.boolean(),
  /** Turns that are still to be told: the people in these shards of that epoch, from `next` on, must be looked at. */
  sweeps: z.array(z.object({ epoch: z.number().int(), next: z.number().int() })),
})
export type Lease = z.infer<typeof lease>
export type Leases = ReadonlyMap<string, Lease>

export interface NodeEvent {
  readonly epoch: number
  readonly counter: number
  /** By the node's clock, in ms since 1970. */
  readonly at: number
}

export const isAlive = (lease: Lease, now: number): boolean => !lease.closed && now < lease.expiresAt

/** Applies a heartbeat. The same lease is returned where it changes nothing. */
export function renew(
  lease: Lease | undefined,
  event: NodeEvent & { readonly closing: boolean },
  now: number,
): Lease | undefined {
  const known = meet(lease, event, now)
  if (known === undefined || event.epoch < known.epoch || event.counter <= known.counter || known.closed)
    return known
  const expiresAt = event.closing ? now : now + timing.leaseMs
  return { ...known, counter: event.counter, renewedAt: now, expiresAt, closed: event.closing }
}

/**
 * Makes sure that the node of any event has a lease: one that dies before its first heartbeat must be found as well.
 * A newer epoch ends the older one, whose people are then looked at. Undefined: an unknown node of long ago.
 */
export function meet(lease: Lease | undefined, event: NodeEvent, now: number): Lease | undefined {
  if (lease !== undefined && event.epoch <= lease.epoch) return lease
  if (lease === undefined && isTooOld(event, now)) return undefined
  return {
    epoch: event.epoch,
    counter: -1,
    renewedAt: now,
    expiresAt: now + timing.leaseMs,
    closed: false,
    live: true,
    sweeps: lease === undefined ? [] : oweSweep(lease.sweeps, lease.epoch),
  }
}

/** Notes that the node came or went, as work that outlives whoever notes it. */
export function turn(lease: Lease, now: number): Lease {
  const alive = isAlive(lease, now)
  return alive === lease.live ? lease : { ...lease, live: alive, sweeps: oweSweep(lease.sweeps, lease.epoch) }
}

/** Notes how far a sweep came; `next: undefined` is the end. One that was started anew meanwhile is left as it is. */
export function swept(lease: Lease, epoch: number, from: number, next: number | undefined): Lease {
  const sweeps = lease.sweeps.flatMap((sweep) => {
    if (sweep.epoch !== epoch || sweep.next !== from) return [sweep]
    return next === undefined ? [] : [{ epoch, next }]
  })
  return { ...lease, sweeps }
}

/** Too old to make an unknown node known: it may be one that is forgotten. */
export const isTooOld = (event: NodeEvent, now: number): boolean => now - event.at > timing.unknownNodeMs

/** Dead, told, and for long enough that no event of it can come any more. */
export const isForgotten = (lease: Lease, now: number): boolean =>
  !isAlive(lease, now) &&
  !lease.live &&
  lease.sweeps.length === 0 &&
  now - lease.expiresAt > timing.forgetNodeMs

function oweSweep(sweeps: Lease['sweeps'], epoch: number): Lease['sweeps'] {
  return [...sweeps.filter((sweep) => sweep.epoch !== epoch), { epoch, next: 0 }]
}
