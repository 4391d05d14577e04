import type { Command, ConversationId, ConversationKind, UserId } from '@parley/contracts'
import { applyEntry, emptyFold, type Fold } from '../log/fold.ts'
import type { StoredEntry, StoredMessage } from '../log/stored.ts'

/** Builders for the tests of this service. */
export const conversation = (name: string) => name as ConversationId
export const user = (name: string) => name as UserId
export const at = '2026-01-01T00:00:00.000Z'

type Numbered = StoredEntry extends infer E ? (E extends StoredEntry ? Omit<E, 'seq' | 'at'> : never) : never

export const began = (kind: ConversationKind, by = 'ann', title?: string): Numbered => ({
  kind: 'conversation',
  by: user(by),
  conversation: { kind, ...(title === undefined ? {} : { title }) },
  createdAt: at,
  createdBy: user(by),
  memberCount: 0,
})

export const member = (
  userId: string,
  change: 'added' | 'removed' | 'role' = 'added',
  role?: 'owner' | 'admin' | 'member',
): Numbered => ({
  kind: 'member',
  by: user('ann'),
  userId: user(userId),
  change,
  ...(role === undefined ? {} : { role }),
})

export const wrote = (
  by: string,
  clientId: string,
  more: Partial<Pick<StoredMessage, 'text' | 'threadOf' | 'mentions'>> = {},
): Numbered => ({ kind: 'message', by: user(by), clientId, text: clientId, ...more })

/** The state that these entries come to, numbered from 1. */
export function foldOf(...entries: Numbered[]): Fold {
  const fold = emptyFold()
  for (const entry of entries) applyEntry(fold, { ...entry, seq: fold.seq + 1, at } as StoredEntry)
  return fold
}

/** A conversation of ann, who owns it, and the others. */
export const group = (...others: string[]): Numbered[] => [
  began('group'),
  member('ann', 'added', 'owner'),
  ...others.map((name) => member(name)),
]

type Specific<C> = C extends Command ? Omit<C, 'senderId' | 'clientId' | 'submittedAt'> : never

export const command = (by: string, clientId: string, specific: Specific<Command>): Command =>
  ({ ...specific, senderId: user(by), clientId, submittedAt: at }) as Command

export const post = (by: string, clientId: string, text = clientId): Command & { kind: 'message' } => ({
  kind: 'message',
  senderId: user(by),
  clientId,
  text,
  submittedAt: at,
})

export const create = (by: string, ...memberIds: string[]): Command =>
  command(by, 'create', { kind: 'create', conversation: { kind: 'group' }, memberIds: memberIds.map(user) })

export const add = (by: string, clientId: string, ...userIds: string[]): Command =>
  command(by, clientId, { kind: 'add-members', userIds: userIds.map(user) })

export const remove = (by: string, clientId: string, userId: string): Command =>
  command(by, clientId, { kind: 'remove-member', userId: user(userId) })
