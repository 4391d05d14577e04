import type { Command, ConversationId, Entry, UserId } from '@parley/contracts'

/** Builders for the tests of this service. */
export const conversation = (name: string) => name as ConversationId
export const user = (name: string) => name as UserId
export const at = '2026-01-01T00:00:00.000Z'

export function send(sender: string, clientId: string, text = 'hello'): Command & { kind: 'message' } {
  return { kind: 'message', senderId: user(sender), clientId, text, submittedAt: at }
}

type MessageEntry = Extract<Entry, { kind: 'message' }>

export function messageEntry(id: string, seq: number, sender = 'ann', clientId = `c${seq}`): MessageEntry {
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

/** What property tests throw. `next` follows from a seed, so that a failing test names the one that shows it. */
export function dice(next: () => number) {
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
