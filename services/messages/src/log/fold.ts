import type { ConversationKind, Role, UserId } from '@parley/contracts'
import type { State, StoredEntry, StoredMessage } from './stored.ts'

/** How many of the newest mentions of a member are kept: a count of unread mentions ends there. */
export const mentionsKept = 100
/** In a large conversation fewer, or the state of 5,000 members would not fit the 4 MiB of a request to the sidecar. */
const large = { members: 500, mentionsKept: 20 } as const

export interface MemberState {
  role: Role
  joinedAt: string
  joinedSeq: number
  /** False for who has left: what they posted still counts as read by them if they come back. */
  active: boolean
  /** The seq of the member's own last message, and the counted messages up to it. */
  postedSeq: number
  postedCount: number
  /** Seqs of the newest messages that mention the member, ascending. */
  mentions: number[]
}

/** The state of a conversation: what all its entries up to `seq` come to. */
export interface Fold {
  seq: number
  /** When the last entry was made: entry times never go back. */
  at: string
  /** Messages that count as unread for others: all that are not thread replies. */
  count: number
  lastMessage: StoredMessage | null
  kind?: ConversationKind
  title?: string
  createdAt?: string
  createdBy?: UserId
  members: Map<UserId, MemberState>
  memberCount: number
}

export const emptyFold = (): Fold => ({
  seq: 0,
  at: '',
  count: 0,
  lastMessage: null,
  members: new Map(),
  memberCount: 0,
})

export const isCounted = (entry: StoredEntry): boolean =>
  entry.kind === 'message' && entry.threadOf === undefined

/** Folds the next entry in. Changes `fold`: a conversation of thousands is not copied for each message. */
export function applyEntry(fold: Fold, entry: StoredEntry): void {
  if (entry.seq !== fold.seq + 1) throw new Error(`entry ${entry.seq} does not follow ${fold.seq}`)
  fold.seq = entry.seq
  fold.at = entry.at
  switch (entry.kind) {
    case 'message':
      applyMessage(fold, entry)
      return
    case 'member':
      applyMember(fold, entry)
      return
    case 'conversation':
      fold.kind = entry.conversation.kind
      fold.createdAt ??= entry.createdAt
      fold.createdBy ??= entry.createdBy
      if (entry.conversation.title !== undefined) fold.title = entry.conversation.title
      return
  }
}

function applyMessage(fold: Fold, message: StoredMessage): void {
  if (isCounted(message)) fold.count += 1
  fold.lastMessage = message
  const sender = fold.members.get(message.by)
  if (sender) {
    sender.postedSeq = message.seq
    sender.postedCount = fold.count
  }
  const kept = fold.memberCount > large.members ? large.mentionsKept : mentionsKept
  for (const mentioned of message.mentions ?? []) {
    const member = fold.members.get(mentioned)
    if (!member) continue
    member.mentions.push(message.seq)
    if (member.mentions.length > kept) member.mentions.splice(0, member.mentions.length - kept)
  }
}

function applyMember(fold: Fold, entry: Extract<StoredEntry, { kind: 'member' }>): void {
  const known = fold.members.get(entry.userId)
  switch (entry.change) {
    case 'added':
      fold.members.set(entry.userId, {
        role: entry.role ?? 'member',
        joinedAt: entry.at,
        joinedSeq: entry.seq,
        active: true,
        postedSeq: known?.postedSeq ?? 0,
        postedCount: known?.postedCount ?? 0,
        mentions: known?.mentions ?? [],
      })
      if (!known?.active) fold.memberCount += 1
      return
    case 'removed':
      if (!known?.active) return
      known.active = false
      fold.memberCount -= 1
      return
    case 'role':
      if (known && entry.role) known.role = entry.role
      return
  }
}

export const isMember = (fold: Fold, user: UserId): boolean => fold.members.get(user)?.active === true

export function activeMemberIds(fold: Fold): UserId[] {
  const ids: UserId[] = []
  for (const [id, member] of fold.members) if (member.active) ids.push(id)
  return ids
}

export function foldToState(fold: Fold): State['fold'] {
  const { members, memberCount: _, ...rest } = fold
  return {
    ...rest,
    members: Object.fromEntries(
      [...members].map(([id, m]) => [
        id,
        [m.role, m.joinedAt, m.joinedSeq, m.active, m.postedSeq, m.postedCount, [...m.mentions]] as const,
      ]),
    ) as State['fold']['members'],
  }
}

export function foldFromState(stored: State['fold']): Fold {
  const fold = { ...emptyFold(), ...stored, members: new Map() } as Fold
  for (const [id, tuple] of Object.entries(stored.members)) {
    const [role, joinedAt, joinedSeq, active, postedSeq, postedCount, mentions] = tuple
    fold.members.set(id as UserId, {
      role,
      joinedAt,
      joinedSeq,
      active,
      postedSeq,
      postedCount,
      mentions: [...mentions],
    })
    if (active) fold.memberCount += 1
  }
  return fold
}
