import type { ConversationId, ErrorCode } from '@parley/contracts'

/**
 * Keeps the order of one socket where a send was turned away. Per conversation it is *open*, or *shut* behind the
 * first send that was refused or whose outcome is unknown: every later one is refused too, or it would overtake; what
 * came before that one and still waits goes on. It opens when that send comes again, under the same client id.
 */
export interface SendGate {
  /** The place of a send among those of its socket. */
  arrive(): number
  /** Undefined: go on. Otherwise what to answer; the send was not taken. */
  refusal(send: Arrival): Refusal | undefined
  /** This send was turned away: later ones wait for it. */
  shut(send: Arrival, refusal: Refusal): void
}

export interface Arrival {
  readonly conversationId: ConversationId
  readonly clientId: string
  readonly place: number
}

export interface Refusal {
  readonly code: Extract<ErrorCode, 'rate_limited' | 'overloaded'>
  readonly retryAfterMs: number
}

/** More shut conversations than a person writes to; then the oldest opens. */
const mostShut = 500

export function createSendGate(): SendGate {
  const shut = new Map<ConversationId, { readonly send: Arrival; readonly refusal: Refusal }>()
  let arrived = 0
  return {
    arrive: () => ++arrived,
    refusal({ conversationId, clientId, place }) {
      const first = shut.get(conversationId)
      if (!first || place < first.send.place) return undefined
      if (first.send.clientId !== clientId) return first.refusal
      shut.delete(conversationId)
      return undefined
    },
    shut(send, refusal) {
      const first = shut.get(send.conversationId)
      if (first && first.send.place <= send.place) return
      shut.set(send.conversationId, { send, refusal })
      const [oldest] = shut.keys()
      if (shut.size > mostShut && oldest !== undefined) shut.delete(oldest)
    },
  }
}
