import type { Conversation, Member } from '@parley/contracts'

/** As the server decides; it has the last word. */
export const mayAdd = ({ kind }: Conversation, mine: Member): boolean =>
  kind === 'group' || (kind === 'channel' && mine.role !== 'member')

export const mayRemove = (mine: Member, other: Member): boolean =>
  mine.userId !== other.userId && mine.role !== 'member' && (other.role !== 'owner' || mine.role === 'owner')
