import { type ConversationId, laneOf, type UserId } from '@parley/contracts'
import { ChatError, type DocumentStore, type Family } from '@parley/kit'
import pLimit from 'p-limit'
import { families, type StoredEntry } from './log/stored.ts'

/** A person's conversations are spread over so many documents, so that none grows large at 5,000 of them. */
const shards = 8
const shardKey = (user: UserId, shard: number): string => `${user}:${shard}`
const shardOf = (conversation: ConversationId): number => laneOf(conversation) % shards
const shardKeys = (user: UserId): string[] =>
  Array.from({ length: shards }, (_, shard) => shardKey(user, shard))

const attempts = 10
const writesInFlight = 16

export interface ReadMarker {
  readSeq: number
  count: number
}

/** What is kept by person: which conversations (a projection of the logs) and how far each is read (a truth of its own). */
export interface People {
  writeInboxes(conversation: ConversationId, entries: readonly StoredEntry[]): Promise<void>
  conversations(user: UserId): Promise<ConversationId[]>
  conversationCounts(users: readonly UserId[]): Promise<Map<UserId, number>>
  readMarkers(user: UserId): Promise<Map<ConversationId, ReadMarker>>
  readMarker(user: UserId, conversation: ConversationId): Promise<ReadMarker>
  /** Moves the marker forward, never back; answers where it stands. */
  moveReadMarker(user: UserId, conversation: ConversationId, marker: ReadMarker): Promise<ReadMarker>
}

export function createPeople(store: DocumentStore): People {
  /** Changes one document by etag until it is as wanted. `change` answers undefined where it is already. */
  async function update<T>(
    family: Family<T, 'versioned'>,
    key: string,
    change: (value: T | undefined) => T | undefined,
  ): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const stored = await store.get(family, key)
      const value = change(stored?.value)
      if (value === undefined) return
      if (!stored && (await store.create(family, key, value)).outcome === 'created') return
      if (stored && (await store.replace(family, key, value, stored.etag)) === 'replaced') return
    }
    throw new ChatError('unavailable', { detail: 'A document changed too often at once.' })
  }

  async function writeInbox(
    user: UserId,
    conversation: ConversationId,
    seq: number,
    joined: boolean,
  ): Promise<void> {
    await update(families.inbox, shardKey(user, shardOf(conversation)), (inbox) => {
      const known = inbox?.conversations[conversation]
      if (known && known.seq >= seq) return undefined
      return { conversations: { ...inbox?.conversations, [conversation]: { seq, joined } } }
    })
  }

  async function inboxes(users: readonly UserId[]): Promise<Map<UserId, ConversationId[]>> {
    const stored = await store.getMany(families.inbox, users.flatMap(shardKeys))
    const joined = (user: UserId): ConversationId[] =>
      shardKeys(user).flatMap((key) =>
        Object.entries(stored.get(key)?.value.conversations ?? {}).flatMap(([id, mark]) =>
          mark.joined ? [id as ConversationId] : [],
        ),
      )
    return new Map(users.map((user) => [user, joined(user)]))
  }

  return {
    async writeInboxes(conversation, entries) {
      // The last change of each person is what counts.
      const last = new Map<UserId, { seq: number; joined: boolean }>()
      for (const entry of entries) {
        if (entry.kind !== 'member' || entry.change === 'role') continue
        const { userId, seq, change } = entry
        if (seq > (last.get(userId)?.seq ?? 0)) last.set(userId, { seq, joined: change === 'added' })
      }
      await pLimit(writesInFlight).map(last, ([user, { seq, joined }]) =>
        writeInbox(user, conversation, seq, joined),
      )
    },
    async conversations(user) {
      return (await inboxes([user])).get(user) ?? []
    },
    async conversationCounts(users) {
      const counts = new Map<UserId, number>()
      for (let i = 0; i < users.length; i += 32)
        for (const [user, ids] of await inboxes(users.slice(i, i + 32))) counts.set(user, ids.length)
      return counts
    },
    async readMarkers(user) {
      const stored = await store.getMany(families.read, shardKeys(user))
      const all = [...stored.values()].flatMap(({ value }) => Object.entries(value.conversations))
      return new Map(all) as Map<ConversationId, ReadMarker>
    },
    async readMarker(user, conversation) {
      const stored = await store.get(families.read, shardKey(user, shardOf(conversation)))
      return stored?.value.conversations[conversation] ?? { readSeq: 0, count: 0 }
    },
    async moveReadMarker(user, conversation, marker) {
      let stands = marker
      await update(families.read, shardKey(user, shardOf(conversation)), (reads) => {
        const known = reads?.conversations[conversation]
        stands = known && known.readSeq >= marker.readSeq ? known : marker
        if (stands === known) return undefined
        return { conversations: { ...reads?.conversations, [conversation]: marker } }
      })
      return stands
    },
  }
}
