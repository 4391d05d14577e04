import { presenceStatus } from '@parley/contracts'
import { z } from 'zod'
import type { NodeEvent } from './lease.ts'
import { timing } from './timing.ts'

/**
 * One person: `person:<id>`. Devices are what the nodes told, `chosen` is what the person wants to show, `shown` is what
 * the others were last decided to see. `settle` leads from the first two to the third; `apply` only takes in.
 */
const device = z.object({ counter: z.number().int(), connected: z.boolean(), at: z.number() })
const devices = z.object({
  epoch: z.number().int(),
  /** A socket that is not listed here and whose event is not above this has ended. */
  floor: z.number().int(),
  sockets: z.record(z.string(), device),
})
export const ownStatus = z.enum(['online', 'away', 'dnd', 'invisible'])
export const person = z.object({
  nodes: z.record(z.string(), devices),
  chosen: z.object({ status: ownStatus, text: z.string().optional() }),
  shown: z.object({
    status: presenceStatus,
    text: z.string().optional(),
    /** While offline: when they were last seen. Else: since when they show as they do. */
    lastSeenAt: z.number().nullable(),
  }),
  /** Since when no device is connected, as long as the grace lasts. */
  leavingSince: z.number().optional(),
  /** Grows by one with each visible change. */
  rev: z.number().int(),
  /** The rev that was published; less than `rev`: a publish is owed. */
  told: z.number().int(),
})
export type Person = z.infer<typeof person>
export type Devices = z.infer<typeof devices>
export type OwnStatus = z.infer<typeof ownStatus>

export type PersonEvent =
  | ({
      readonly kind: 'connected' | 'disconnected'
      readonly node: string
      readonly socketId: string
    } & NodeEvent)
  | { readonly kind: 'chosen'; readonly status: OwnStatus; readonly text?: string | undefined }

export const nobody: Person = {
  nodes: {},
  chosen: { status: 'online' },
  shown: { status: 'offline', lastSeenAt: null },
  rev: 0,
  told: 0,
}

/** Of one person on one node. More than a person has; a loop that connects and never leaves must not fill the store. */
export const maxSocketsPerNode = 256
const maxTombstones = 64

/**
 * Takes an event in. Per node the newest epoch wins, per socket the highest counter: so any order, with any repeats,
 * leads to the same devices. A disconnect stays as a tombstone that its late connect cannot get past.
 *
 * A disconnect that never arrives would leave its device until the node's epoch ends. To list all sockets of a node in
 * every heartbeat would cost it its number of devices every 5 s. So `realtime` offers a disconnect to the broker until it
 * is accepted, and reports it by a call, too, until that is answered; a node that forgets its sockets begins a new epoch.
 */
export function apply(person: Person, event: PersonEvent, now: number): Person {
  if (event.kind === 'chosen') return choose(person, event)
  const { node, epoch, counter, socketId, at } = event
  const known = person.nodes[node]
  if (known !== undefined && epoch < known.epoch) return person
  const current = known?.epoch === epoch ? known : { epoch, floor: -1, sockets: {} }
  const last = current.sockets[socketId]
  if (counter <= (last === undefined ? current.floor : last.counter)) return person
  const sockets = { ...current.sockets, [socketId]: { counter, connected: event.kind === 'connected', at } }
  return { ...person, nodes: { ...person.nodes, [node]: pruneSockets({ ...current, sockets }, now) } }
}

function choose(person: Person, { status, text }: { status: OwnStatus; text?: string | undefined }): Person {
  if (person.chosen.status === status && person.chosen.text === text) return person
  return { ...person, chosen: text === undefined ? { status } : { status, text } }
}

/** Drops old tombstones, and the oldest records where there are too many; the floor keeps what they said. */
function pruneSockets(devices: Devices, now: number): Devices {
  const newestFirst = Object.entries(devices.sockets).sort(([, a], [, b]) => b.counter - a.counter)
  const dropped = new Set<string>()
  let tombstones = 0
  let kept = 0
  for (const [socketId, record] of newestFirst) {
    const old = now - record.at > timing.tombstoneMs
    const drop = record.connected ? kept >= maxSocketsPerNode : old || ++tombstones > maxTombstones
    if (drop) dropped.add(socketId)
    else kept++
  }
  if (dropped.size === 0) return devices
  const floor = Math.max(
    devices.floor,
    ...newestFirst.filter(([id]) => dropped.has(id)).map(([, { counter }]) => counter),
  )
  return {
    ...devices,
    floor,
    sockets: Object.fromEntries(newestFirst.filter(([id]) => !dropped.has(id))),
  }
}
