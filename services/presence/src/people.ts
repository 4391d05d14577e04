import type { Presence, UserId } from '@parley/contracts'
import { ChatError, type Clock, createUpdater, type DocumentStore } from '@parley/kit'
import * as documents from './documents.ts'
import { apply, nobody, type OwnStatus, type Person, type PersonEvent } from './domain/person.ts'
import { isConnected, settle, settleAgainAt, view } from './domain/settle.ts'
import { timing } from './domain/timing.ts'
import type { DueList } from './due-list.ts'
import type { Device, NodeShards } from './node-shards.ts'
import type { NodeTable } from './node-table.ts'
import type { Told } from './teller.ts'

export type People = ReturnType<typeof createPeople>

/** A device, and when the node told of it, by its own clock. */
export type TimedDevice = Device & { readonly userId: UserId; readonly at: number }

export interface PeopleDeps {
  readonly store: DocumentStore
  readonly clock: Clock
  readonly nodes: NodeTable
  readonly shards: NodeShards
  readonly due: DueList
  readonly tell: (told: Told) => Promise<void>
}

/** Users in one bulk read. */
const readSize = 500

export function createPeople({ store, clock, nodes, shards, due, tell }: PeopleDeps) {
  const update = createUpdater(store, documents.users, clock)

  /**
   * Write, publish, note as published. Whoever dies in between has not answered yet: the broker or the due list brings
   * the same person here again, and what was owed is published then. A repeat that owes nothing publishes nothing.
   */
  async function attend(
    userId: UserId,
    event?: PersonEvent,
  ): Promise<{ person: Person; connected: boolean; again: number | undefined }> {
    const leases = await nodes.current()
    const take = (before: Person) => (event === undefined ? before : apply(before, event, clock.now()))
    const person =
      (await update(userId, (stored) => {
        const before = stored ?? nobody
        const after = settle(take(before), leases, clock.now())
        return after === before ? stored : after
      })) ?? nobody
    if (person.told < person.rev) {
      const item = present(userId, { ...person.shown, rev: person.rev })
      await tell({ item, hidden: isHidden(person) })
      await update(userId, (stored) =>
        stored === undefined || stored.told >= person.rev ? stored : { ...stored, told: person.rev },
      )
    }
    return { person, connected: isConnected(person, leases, clock.now()), again: settleAgainAt(person) }
  }

  const read = async (userIds: readonly UserId[]): Promise<Map<UserId, Person>> => {
    const people = new Map<UserId, Person>()
    for (let from = 0; from < userIds.length; from += readSize) {
      const chunk = userIds.slice(from, from + readSize)
      const found = await store.getMany(documents.users, chunk)
      for (const userId of chunk) {
        const stored = found.get(userId)
        if (stored !== undefined) people.set(userId, stored.value)
      }
    }
    return people
  }

  return {
    async connected(device: TimedDevice): Promise<void> {
      if (!(await nodes.accepts(device.node, device))) return
      await shards.add(device)
      const { person, connected, again } = await attend(device.userId, { kind: 'connected', ...device })
      // Its disconnect was here before: then nobody else takes it off the list.
      if (person.nodes[device.node]?.sockets[device.socketId]?.connected !== true) await shards.remove(device)
      // The copy of the leases may have missed that the node is back: look again with a newer one.
      if (again !== undefined || !connected)
        await due.add(device.userId, again ?? clock.now() + timing.graceMs)
    },

    async disconnected(device: TimedDevice): Promise<void> {
      if (!(await nodes.accepts(device.node, device))) return
      const { again } = await attend(device.userId, { kind: 'disconnected', ...device })
      await shards.remove(device)
      if (again !== undefined) await due.add(device.userId, again)
    },

    /**
     * Of what a node reports, what is not known yet or of which something is still owed: mostly none of it. Where somebody
     * cannot be read, all of it.
     */
    async unsettled<D extends TimedDevice & { readonly connected: boolean }>(
      devices: readonly D[],
    ): Promise<D[]> {
      const found = await read([...new Set(devices.map(({ userId }) => userId))]).catch((error) => {
        if (error instanceof ChatError && error.code === 'internal') return undefined
        throw error
      })
      if (found === undefined) return [...devices]
      return devices.filter((device) => {
        const person = found.get(device.userId) ?? nobody
        const kind = device.connected ? 'connected' : 'disconnected'
        const isKnown = apply(person, { kind, ...device }, clock.now()) === person
        return !isKnown || person.told < person.rev || settleAgainAt(person) !== undefined
      })
    },

    async choose(userId: UserId, chosen: { status: OwnStatus; text?: string | undefined }): Promise<void> {
      const { again } = await attend(userId, { kind: 'chosen', ...chosen })
      if (again !== undefined) await due.add(userId, again)
    },

    /** Looks at someone whose node or grace has ended; answers when to look again. */
    settleNow: async (userId: UserId): Promise<number | undefined> => (await attend(userId)).again,

    async look(userIds: readonly UserId[]): Promise<Presence[]> {
      const [leases, people] = await Promise.all([nodes.current(), read(userIds)])
      return userIds.map((userId) => present(userId, view(people.get(userId), leases, clock.now())))
    },

    /** As of `rev`: what is told of a higher one holds. */
    async visibility(userId: UserId): Promise<{ hidden: boolean; rev: number }> {
      const person = (await store.get(documents.users, userId))?.value ?? nobody
      return { hidden: isHidden(person), rev: person.rev }
    },

    async online(userIds: readonly UserId[]): Promise<UserId[]> {
      const [leases, people] = await Promise.all([nodes.current(), read(userIds)])
      const now = clock.now()
      return [...people].flatMap(([userId, person]) => (isConnected(person, leases, now) ? [userId] : []))
    },
  }
}

const isHidden = ({ chosen }: Person): boolean => chosen.status === 'invisible'

function present(
  userId: UserId,
  { status, text, lastSeenAt, rev }: Person['shown'] & { readonly rev: number },
): Presence {
  return {
    userId,
    status,
    lastSeenAt: lastSeenAt === null ? null : new Date(lastSeenAt).toISOString(),
    ...(text === undefined ? {} : { text }),
    rev,
  }
}
