import type { ConversationId, Entry } from '@parley/contracts'
import type { Person } from './person.ts'
import type { World } from './world.ts'

/**
 * Everybody has the whole log, without having been asked to look. One thing is allowed: that the end of it was lost on
 * the way, nothing came after it, and the replica of `messages` that would have told the head was killed.
 */
export function checkReceived(world: World, id: ConversationId, log: Entry[], wrong: string[]): void {
  for (const person of world.people) {
    const received = person.received.get(id) ?? []
    const isWhole = JSON.stringify(received) === JSON.stringify(log.slice(0, received.length))
    if (!isWhole || (received.length < log.length && world.untold.get(id) !== log.length))
      wrong.push(`${person.user} has ${received.length} of ${log.length} entries of ${id}, or others`)
    checkLive(world, person, id, wrong)
  }
}

/**
 * What came over one socket is a piece of the log, with no gap but where the person was out; and whoever was out when
 * it came got nothing from the time in which they were.
 */
function checkLive(world: World, { user, live }: Person, id: ConversationId, wrong: string[]): void {
  const changes = [...(world.store.entries.get(id)?.values() ?? [])].flatMap((entry) =>
    entry.kind === 'member' && entry.userId === user && entry.change !== 'role'
      ? [{ seq: entry.seq, isIn: entry.change === 'added', at: world.store.writtenAt.get(entry) ?? 0 }]
      : [],
  )
  const last = new Map<unknown, number>()
  for (const { conversation, entry, socket, at } of live) {
    if (conversation !== id) continue
    const { seq } = entry
    // Their own addition and their own removal are for them, too.
    const isOwn = changes.some((change) => change.seq === seq)
    const then = changes.filter((change) => change.seq < seq).at(-1)
    const now = changes.filter((change) => change.at <= at).at(-1)
    if (!isOwn && !then?.isIn && !now?.isIn)
      wrong.push(`${user} was sent ${id}:${seq} while out of the conversation`)
    const previous = last.get(socket)
    last.set(socket, seq)
    if (previous === undefined || seq === previous + 1) continue
    const wasOut = changes.some((change) => change.seq >= previous && change.seq <= seq)
    if (seq <= previous || !wasOut) wrong.push(`${user} was sent ${id}:${seq} after ${id}:${previous}`)
  }
}
