/** The protocol's limits, as their defaults. Sizes are bytes unless the name says otherwise. */
export const limits = {
  textCharacters: 4_000,
  textBytes: 16 * 1024,
  socketPacketBytes: 64 * 1024,
  requestBodyBytes: 64 * 1024,
  pageItems: 200,
  pageBytes: 1024 * 1024,
  conversationMembers: 5_000,
  conversationsPerPerson: 5_000,
  syncCursors: 500,
  watchedUsers: 500,
  reportedDevices: 500,
  mentions: 100,
  messagesPerSecond: 20,
  messageBurst: 40,
  messagesQueued: 200,
  loginsPerMinute: 10,
  registrationsPerMinute: 60,
  pushMembers: 100,
} as const

/** What Engine.IO is set to, and what whoever is in between must let through. */
export const transport = {
  /** Of a packet, or of a request of long polling: what is over it is cut. Far above `socketPacketBytes`, which is answered. */
  bytes: 1024 * 1024,
  /** After so long without a packet the server asks, and waits so long for the answer. */
  pingIntervalMs: 25_000,
  pingTimeoutMs: 20_000,
} as const

/**
 * The number of lanes that conversations are spread over: a constant of the whole system, never of one node. Where the
 * broker has partitions an event is of one lane: fewer lanes make larger events under load, and it is how many replicas
 * of `messages` can share the work. docs/adr/0009 has the measurements.
 */
export const laneCount = 16

/** The lane of a conversation (FNV-1a, 32 bits): the partition key where the broker has partitions. */
export function laneOf(conversationId: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < conversationId.length; i++) {
    hash ^= conversationId.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) % laneCount
}
