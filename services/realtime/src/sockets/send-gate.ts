import type { ConversationId, ErrorCode } from '@parley/contracts'

/**
 * Keeps the order of one socket where a send was turned away. Per conversation it is *open*, or *shut* behind the
 * first send that was refused or whose outcome is unknown: every later one is refused too, or it would overtake. It
 * opens when that send comes again, under the same client id.
 */
export interface SendGate {
  /** Undefined: go on. Otherwise what to answer; the send was not taken. */
  refusal(conversationId: ConversationId, clientId: string): Refusal | undefined
  /** This send was turned away: later ones wait for it. */
  shut(conversationId: ConversationId, clientId: string, refusal: Refusal): void
}

export interface Refusal {
  readonly code: Extract<ErrorCode, 'rate_limited' | 'overloaded'>
  readonly retryAfterMs: number
}

/** More shut conversations than a person writes to; then the oldest opens. */
const mostShut = 500

export function createSendGate(): SendGate {
  const shut = new Map<ConversationId, { readonly clientId: string; readonly refusal: Refusal }>()
  return {
    refusal(conversationId, clientId) {
      const first = shut.get(conversationId)
      if (first && first.clientId !== clientId) return first.refusal
      shut.delete(conversationId)
      return undefined
    },
    shut(conversationId, clientId, refusal) {
      if (shut.has(conversationId)) return
      shut.set(conversationId, { clientId, refusal })
      const [oldest] = shut.keys()
      if (shut.size > mostShut && oldest !== undefined) shut.delete(oldest)
    },
  }
}
