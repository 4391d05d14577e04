import type { ConversationId } from '@parley/contracts'
import { asParleyError, type ParleyError } from './errors.ts'

/** How far I have read, told to the server: the highest seq only, one request per conversation at a time. */
export interface ReadMarkers {
  mark(conversationId: ConversationId, seq: number): void
  /** Another device of mine has read this far. */
  heard(conversationId: ConversationId, seq: number): void
  online(): void
  offline(): void
  forget(conversationId: ConversationId): void
  clear(): void
}

interface Marker {
  wanted: number
  told: number
  asking: boolean
}

export function createReadMarkers(deps: {
  ask(conversationId: ConversationId, seq: number): Promise<{ unread: number }>
  onRead(read: { conversationId: ConversationId; readSeq: number; unread: number }): void
  onError(error: ParleyError): void
}): ReadMarkers {
  const markers = new Map<ConversationId, Marker>()
  let connected = false

  function marker(conversationId: ConversationId): Marker {
    const known = markers.get(conversationId) ?? { wanted: 0, told: 0, asking: false }
    markers.set(conversationId, known)
    return known
  }

  async function tell(conversationId: ConversationId): Promise<void> {
    const mine = marker(conversationId)
    if (!connected || mine.asking || mine.wanted <= mine.told) return
    mine.asking = true
    const seq = mine.wanted
    try {
      const { unread } = await deps.ask(conversationId, seq)
      mine.told = Math.max(mine.told, seq)
      if (markers.get(conversationId) === mine) deps.onRead({ conversationId, readSeq: seq, unread })
    } catch (error) {
      const failure = asParleyError(error)
      // What may pass is asked again with the next mark or connection: a marker is not worth a timer.
      if (!failure.retryable) {
        mine.told = Math.max(mine.told, seq)
        deps.onError(failure)
      }
      return
    } finally {
      mine.asking = false
    }
    void tell(conversationId)
  }

  return {
    mark(conversationId, seq) {
      const mine = marker(conversationId)
      mine.wanted = Math.max(mine.wanted, seq)
      void tell(conversationId)
    },
    heard(conversationId, seq) {
      const mine = marker(conversationId)
      mine.told = Math.max(mine.told, seq)
    },
    online() {
      connected = true
      for (const conversationId of markers.keys()) void tell(conversationId)
    },
    offline() {
      connected = false
    },
    forget: (conversationId) => void markers.delete(conversationId),
    clear: () => markers.clear(),
  }
}
