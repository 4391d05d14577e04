import type { InboxItem, OutboxItem } from '@parley/client'
import type { UserId } from '@parley/contracts'
import { firstName, nameOf } from './names.ts'
import type { Session } from './state.ts'

/** What stands in the list under the name of a conversation. */
export interface Preview {
  readonly by: string
  readonly text: string
  readonly at: number
  readonly unsent?: 'waiting' | 'failed'
}

export function previewOf(item: InboxItem, unsent: readonly OutboxItem[], session: Session): Preview {
  const { conversation, lastMessage } = item
  const waiting = unsent.at(-1)
  if (waiting) {
    const unsent = waiting.state === 'failed' ? 'failed' : 'waiting'
    return { by: 'You', text: oneLine(waiting.draft.text), at: waiting.queuedAt, unsent }
  }
  if (!lastMessage) {
    const text = conversation.kind === 'direct' ? 'Say hello' : 'No messages yet'
    return { by: '', text, at: Date.parse(conversation.createdAt) }
  }
  const direct = conversation.kind === 'direct'
  const by = author(lastMessage.senderId, direct, session)
  const text = lastMessage.deletedAt ? 'Message deleted' : oneLine(lastMessage.text)
  return { by, text, at: Date.parse(lastMessage.createdAt) }
}

function author(senderId: UserId, direct: boolean, { me, people }: Session): string {
  if (senderId === me.id) return 'You'
  return direct ? '' : firstName(nameOf(people, senderId))
}

const oneLine = (text: string): string => text.slice(0, 200).replace(/\s+/g, ' ').trim()

/** Someone opened a direct conversation with me and wrote nothing yet: nothing to show. */
export function isWorthListing(item: InboxItem, session: Session): boolean {
  const { conversation, lastMessage } = item
  if (conversation.kind !== 'direct' || lastMessage) return true
  return (
    conversation.createdBy === session.me.id ||
    session.open === conversation.id ||
    session.outboxes.has(conversation.id)
  )
}

/** What is in front of my eyes is read, even while the server is still being told. */
export function unreadOf(item: InboxItem, { open, rooms }: Session): number {
  const attended = open === item.conversation.id && rooms.get(open)?.attended === true
  return attended ? 0 : item.unread
}

export function unreadInAll(session: Session): number {
  let total = 0
  for (const item of session.inbox.items.values()) if (!item.muted) total += unreadOf(item, session)
  return total
}
