import { type Command, type ErrorCode, limits, type UserId } from '@parley/contracts'
import { activeMemberIds, type Fold, isMember, type MemberState } from './fold.ts'
import { blockLimits, type StoredEntry } from './stored.ts'

type WithoutPlace<E> = E extends StoredEntry ? Omit<E, 'seq' | 'at' | 'by'> : never
/** An entry that has no place in the log yet. */
export type NewEntry = WithoutPlace<StoredEntry>

/**
 * What a command comes to in this state. `entries` are at most one block: where `unfinished`, the same command is
 * decided again after them and makes the rest.
 */
export type Decision =
  | { entries: NewEntry[]; unfinished: boolean }
  | { refused: { code: ErrorCode; message: string } }

const refuse = (code: ErrorCode, message: string): Decision => ({ refused: { code, message } })

/** Decides what a command makes of the conversation. Pure: everything that it may depend on is in the fold. */
export function decide(fold: Fold, command: Command, now: string): Decision {
  if (command.kind === 'create') return create(fold, command, now)
  const sender = fold.members.get(command.senderId)
  if (!sender?.active) return refuse('conversation_not_found', 'You are not a member of such a conversation.')
  switch (command.kind) {
    case 'message':
      return post(fold, command)
    case 'rename':
      if (!mayManage(fold, sender))
        return refuse('forbidden', 'Only owners and admins may rename this conversation.')
      return rename(fold, command, now)
    case 'add-members':
      if (!mayManage(fold, sender)) return refuse('forbidden', 'Only owners and admins may add members here.')
      if (command.role && command.role !== 'member' && sender.role !== 'owner')
        return refuse('forbidden', 'Only an owner may give a role.')
      return addMembers(
        fold,
        command.userIds.filter((id) => !isMember(fold, id)),
        command,
      )
    case 'set-role':
      return setRole(fold, sender, command)
    case 'remove-member':
      return removeMember(fold, sender, command)
  }
}

function create(fold: Fold, command: Extract<Command, { kind: 'create' }>, now: string): Decision {
  const entries: NewEntry[] = []
  if (fold.kind === undefined) {
    const { kind, title } = command.conversation
    const described = { kind, ...(title === undefined ? {} : { title }) }
    entries.push({
      kind: 'conversation',
      conversation: described,
      createdAt: now,
      createdBy: command.senderId,
      memberCount: 0,
    })
    entries.push({ kind: 'member', userId: command.senderId, change: 'added', role: 'owner' })
  } else if (fold.kind !== 'direct' && fold.createdBy !== command.senderId) {
    return refuse('client_id_reused', 'A conversation with this id exists already.')
  }
  // Who was ever a member is not added again: this may be a late copy of a command that was carried out.
  const invited = new Set(command.memberIds)
  invited.delete(command.senderId)
  const missing = [...invited].filter((id) => !fold.members.has(id))
  const owner = fold.kind === undefined ? 1 : 0
  if (fold.memberCount + owner + missing.length > limits.conversationMembers) return full()
  const role = command.conversation.kind === 'direct' ? 'owner' : 'member'
  for (const userId of missing) entries.push({ kind: 'member', userId, change: 'added', role })
  return done(command.clientId, entries)
}

function post(fold: Fold, command: Extract<Command, { kind: 'message' }>): Decision {
  for (const seq of [command.replyTo, command.threadOf])
    if (seq !== undefined && seq > fold.seq)
      return refuse('message_not_found', `There is no message ${seq} to refer to.`)
  const { clientId, text, replyTo, threadOf, mentions } = command
  const entry: NewEntry = {
    kind: 'message',
    clientId,
    text,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(threadOf === undefined ? {} : { threadOf }),
    ...(mentions?.length ? { mentions: [...new Set(mentions)] } : {}),
  }
  return { entries: [entry], unfinished: false }
}

function addMembers(
  fold: Fold,
  missing: UserId[],
  command: Extract<Command, { kind: 'add-members' }>,
): Decision {
  const unique = [...new Set(missing)]
  if (fold.memberCount + unique.length > limits.conversationMembers) return full()
  const role = command.role ?? 'member'
  return done(
    command.clientId,
    unique.map((userId) => ({ kind: 'member', userId, change: 'added', role })),
  )
}

function setRole(fold: Fold, sender: MemberState, command: Extract<Command, { kind: 'set-role' }>): Decision {
  const target = fold.members.get(command.userId)
  if (fold.kind === 'direct' || sender.role !== 'owner')
    return refuse('forbidden', 'Only an owner may give a role.')
  if (!target?.active) return refuse('member_not_found', 'This person is not a member.')
  if (target.role === command.role) return done(command.clientId, [])
  if (target.role === 'owner' && owners(fold) === 1)
    return refuse('forbidden', 'The last owner must stay an owner.')
  return done(command.clientId, [
    { kind: 'member', userId: command.userId, change: 'role', role: command.role },
  ])
}

function removeMember(
  fold: Fold,
  sender: MemberState,
  command: Extract<Command, { kind: 'remove-member' }>,
): Decision {
  if (fold.kind === 'direct') return refuse('forbidden', 'Nobody leaves a direct conversation.')
  const target = fold.members.get(command.userId)
  if (!target?.active) return done(command.clientId, [])
  const leaving = command.userId === command.senderId
  if (!leaving && (sender.role === 'member' || (target.role === 'owner' && sender.role !== 'owner')))
    return refuse('forbidden', 'You may not remove this member.')
  const entries: NewEntry[] = [{ kind: 'member', userId: command.userId, change: 'removed' }]
  const heir = target.role === 'owner' && owners(fold) === 1 ? successor(fold, command.userId) : undefined
  if (heir) entries.push({ kind: 'member', userId: heir, change: 'role', role: 'owner' })
  return done(command.clientId, entries)
}

/** In a group everyone manages; in a channel its owners and admins; a direct conversation is as it is. */
const mayManage = (fold: Fold, member: MemberState): boolean =>
  fold.kind === 'group' || (fold.kind === 'channel' && member.role !== 'member')

const owners = (fold: Fold): number =>
  activeMemberIds(fold).filter((id) => fold.members.get(id)?.role === 'owner').length

/** Who owns the conversation when its last owner leaves: an admin before a member, the longest there first. */
function successor(fold: Fold, leaving: UserId): UserId | undefined {
  const others = [...fold.members].filter(([id, member]) => member.active && id !== leaving)
  others.sort(
    ([, a], [, b]) => Number(b.role === 'admin') - Number(a.role === 'admin') || a.joinedSeq - b.joinedSeq,
  )
  return others[0]?.[0]
}

function rename(fold: Fold, command: Extract<Command, { kind: 'rename' }>, now: string): Decision {
  const entry: NewEntry = {
    kind: 'conversation',
    conversation: { kind: fold.kind ?? 'group', title: command.title },
    createdAt: fold.createdAt ?? now,
    createdBy: fold.createdBy ?? command.senderId,
    memberCount: fold.memberCount,
  }
  return done(command.clientId, [entry])
}

const full = (): Decision =>
  refuse('conversation_full', `A conversation has at most ${limits.conversationMembers} members.`)

/** The client id goes onto the last entry only: until that is in the log, a repeat carries on where this ended. */
function done(clientId: string, entries: NewEntry[]): Decision {
  const unfinished = entries.length > blockLimits.entries
  const fitting = unfinished ? entries.slice(0, blockLimits.entries) : entries
  const last = fitting.at(-1)
  if (last && !unfinished) last.clientId = clientId
  return { entries: fitting, unfinished }
}
