import { createHash } from 'node:crypto'
import type { ConversationId, ConversationKind, UserId } from '@parley/contracts'
import { newId } from '@parley/kit'

const digest = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 22)

/**
 * The id of a new conversation. That of a direct one follows from its two people, and that of one with a client id
 * from its creator and that: so a repeat finds the conversation that the first time made.
 */
export function newConversationId(
  kind: ConversationKind,
  creator: UserId,
  memberIds: readonly UserId[],
  clientId: string | undefined,
): ConversationId {
  if (kind === 'direct') return `d_${digest(...[creator, memberIds[0] ?? creator].sort())}` as ConversationId
  const prefix = kind === 'group' ? 'g_' : 'c_'
  return `${prefix}${clientId === undefined ? newId() : digest(creator, clientId)}` as ConversationId
}
