import type { Command, ConversationId, Entry, UserId } from '@parley/contracts'

/** Builders for the tests of this service. */
export const conversation = (name: string) => name as ConversationId
export const user = (name: string) => name as UserId
export const at = '2026-01-01T00:00:00.000Z'

export function send(sender: string, clientId: string, text = 'hello'): Command & { kind: 'message' } {
  return { kind: 'message', senderId: user(sender), clientId, text, submittedAt: at }
}

export function messageEntry(id: string, seq: number, sender = 'ann', clientId = `c${seq}`): Entry {
  return {
    kind: 'message',
    conversationId: conversation(id),
    seq,
    at,
    by: user(sender),
    message: {
      conversationId: conversation(id),
      seq,
      rev: seq,
      id: `${id}-${seq}`,
      senderId: user(sender),
      clientId,
      text: `text ${seq}`,
      createdAt: at,
      mentions: [],
      reactions: [],
    },
  }
}

export function memberEntry(id: string, seq: number, member: string, change: 'added' | 'removed'): Entry {
  return {
    kind: 'member',
    conversationId: conversation(id),
    seq,
    at,
    by: user('ann'),
    userId: user(member),
    change,
  }
}

/** Seeded, so that a failing property test names the seed that shows it (mulberry32). */
export function seededRandom(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296
  }
  return {
    chance: (probability: number) => next() < probability,
    below: (limit: number) => Math.floor(next() * limit),
    shuffled: <T>(items: readonly T[]): T[] => {
      const out = [...items]
      for (let i = out.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1))
        const [a, b] = [out[i], out[j]]
        if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a]
      }
      return out
    },
  }
}
