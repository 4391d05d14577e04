import type { UserId } from '@parley/contracts'
import type { Fold } from './log/fold.ts'
import type { ReadMarker } from './people.ts'

export interface Unread {
  readSeq: number
  unread: number
  /** Unread messages that mention the person: counted up to 100. */
  mentions: number
}

/**
 * The one count for list, badge and push. Posting moves the reader to their own message, so that no message after
 * `readSeq` is the reader's own and the count is a difference of two counts.
 */
export function unreadOf(fold: Fold, user: UserId, marker: ReadMarker): Unread {
  const member = fold.members.get(user)
  const posted = { readSeq: member?.postedSeq ?? 0, count: member?.postedCount ?? 0 }
  const { readSeq, count } = marker.readSeq >= posted.readSeq ? marker : posted
  return {
    readSeq,
    unread: Math.max(0, fold.count - count),
    mentions: member?.mentions.filter((seq) => seq > readSeq).length ?? 0,
  }
}
