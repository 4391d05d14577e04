import { type ConversationId, limits, type SyncAnswer, type SyncedConversation } from '@parley/contracts'
import type { Requests } from './requests.ts'

const timeoutMs = 20_000

/** Where all my conversations stand. `gone`: those that were named and are no longer mine. */
export interface Synced {
  readonly conversations: readonly SyncedConversation[]
  readonly gone: readonly ConversationId[]
}

/**
 * Asks where every conversation stands. One request names at most 500 cursors. The first chunk is paged to the end of
 * the list, which tells every head; the further chunks are asked once, for what only the naming tells: what is gone.
 */
export async function resync(
  requests: Requests,
  cursors: ReadonlyMap<ConversationId, number>,
): Promise<Synced> {
  const conversations = new Map<ConversationId, SyncedConversation>()
  const gone = new Set<ConversationId>()
  const take = (answer: SyncAnswer) => {
    for (const item of answer.conversations) {
      const known = conversations.get(item.id)
      conversations.set(item.id, known?.reset ? { ...item, reset: true } : item)
    }
    for (const id of answer.gone) gone.add(id)
  }
  for (const [index, chunk] of chunks([...cursors], limits.syncCursors).entries()) {
    const named = Object.fromEntries(chunk) as Record<ConversationId, number>
    let cursor: string | undefined
    do {
      const answer = await requests.ask('sync', { cursors: named, ...(cursor && { cursor }) }, timeoutMs)
      take(answer)
      cursor = index === 0 ? answer.cursor : undefined
    } while (cursor !== undefined)
  }
  return { conversations: [...conversations.values()], gone: [...gone] }
}

/** At least one chunk, possibly empty. */
function chunks<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = []
  for (let start = 0; start === 0 || start < items.length; start += size) {
    result.push(items.slice(start, start + size))
  }
  return result
}
