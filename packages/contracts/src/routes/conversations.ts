import { z } from 'zod'
import {
  conversation,
  conversationKind,
  conversationSummary,
  draft,
  entriesPage,
  entry,
  historyPage,
  member,
  message,
  role,
  title,
} from '../entities.ts'
import { clientId, conversationId, cursor, seq, userId } from '../ids.ts'
import { limits } from '../limits.ts'
import { defineRoute } from '../route.ts'
import { readAnswer, syncAnswer, syncRequest } from '../socket-events.ts'

const params = z.object({ conversationId })
const seqInQuery = z.coerce.number().int().min(0)
const limitInQuery = (fallback: number) =>
  z.coerce.number().int().min(1).max(limits.pageItems).default(fallback)
const pageToken = z.string().max(256)

export const createConversation = defineRoute({
  id: 'createConversation',
  app: 'messages',
  method: 'POST',
  path: '/api/conversations',
  access: 'user',
  summary:
    'Start a conversation. A direct one of the same pair, or a repeated clientId, answers 200 with the existing one.',
  body: z.object({
    kind: conversationKind,
    title: title.optional(),
    memberIds: z.array(userId).max(limits.conversationMembers),
    clientId: clientId.optional(),
  }),
  answers: { 201: conversation, 200: conversation },
  errors: [
    'user_not_found',
    'conversation_full',
    'conversations_exceeded',
    'client_id_reused',
    'unavailable',
  ],
})

export const listConversations = defineRoute({
  id: 'listConversations',
  app: 'messages',
  method: 'GET',
  path: '/api/conversations',
  access: 'user',
  summary: 'My conversations, latest message first.',
  query: z.object({ cursor: pageToken.optional(), limit: limitInQuery(50) }),
  answers: { 200: z.object({ items: z.array(conversationSummary), cursor: z.string().optional() }) },
  errors: ['unavailable'],
})

export const getConversation = defineRoute({
  id: 'getConversation',
  app: 'messages',
  method: 'GET',
  path: '/api/conversations/:conversationId',
  access: 'user',
  summary: 'One conversation.',
  params,
  answers: { 200: conversation },
  errors: ['conversation_not_found', 'unavailable'],
})

export const updateConversation = defineRoute({
  id: 'updateConversation',
  app: 'messages',
  method: 'PATCH',
  path: '/api/conversations/:conversationId',
  access: 'user',
  summary: 'Change the title.',
  params,
  body: z.object({ title, clientId: clientId.optional() }),
  answers: { 200: conversation },
  errors: ['conversation_not_found', 'conversation_read_only', 'forbidden', 'unavailable'],
})

export const listMembers = defineRoute({
  id: 'listMembers',
  app: 'messages',
  method: 'GET',
  path: '/api/conversations/:conversationId/members',
  access: 'user',
  summary: 'The members.',
  params,
  query: z.object({ cursor: pageToken.optional(), limit: limitInQuery(100) }),
  answers: { 200: z.object({ items: z.array(member), cursor: z.string().optional() }) },
  errors: ['conversation_not_found', 'unavailable'],
})

export const addMembers = defineRoute({
  id: 'addMembers',
  app: 'messages',
  method: 'POST',
  path: '/api/conversations/:conversationId/members',
  access: 'user',
  summary: 'Add members. Who is a member already stays as they are.',
  params,
  body: z.object({
    userIds: z.array(userId).min(1).max(limits.conversationMembers),
    role: role.optional(),
    clientId: clientId.optional(),
  }),
  answers: { 200: conversation },
  errors: [
    'conversation_not_found',
    'conversation_read_only',
    'forbidden',
    'user_not_found',
    'conversation_full',
    'conversations_exceeded',
    'unavailable',
  ],
})

export const updateMember = defineRoute({
  id: 'updateMember',
  app: 'messages',
  method: 'PATCH',
  path: '/api/conversations/:conversationId/members/:userId',
  access: 'user',
  summary: 'Change the role of a member.',
  params: z.object({ conversationId, userId }),
  body: z.object({ role, clientId: clientId.optional() }),
  answers: { 200: conversation },
  errors: [
    'conversation_not_found',
    'conversation_read_only',
    'member_not_found',
    'forbidden',
    'unavailable',
  ],
})

export const removeMember = defineRoute({
  id: 'removeMember',
  app: 'messages',
  method: 'DELETE',
  path: '/api/conversations/:conversationId/members/:userId',
  access: 'user',
  summary: 'Remove a member, or leave.',
  params: z.object({ conversationId, userId }),
  answers: { 204: null },
  errors: ['conversation_not_found', 'conversation_read_only', 'forbidden', 'unavailable'],
})

export const postMessage = defineRoute({
  id: 'postMessage',
  app: 'messages',
  method: 'POST',
  path: '/api/conversations/:conversationId/messages',
  access: 'user',
  summary:
    'Post a message: 201 once it is durable, 200 with the original where the clientId was used before.',
  params,
  body: draft,
  answers: { 201: message, 200: message },
  errors: [
    'conversation_not_found',
    'conversation_read_only',
    'forbidden',
    'message_not_found',
    'client_id_reused',
    'rate_limited',
    'unavailable',
  ],
})

export const getHistory = defineRoute({
  id: 'getHistory',
  app: 'messages',
  method: 'GET',
  path: '/api/conversations/:conversationId/messages',
  access: 'user',
  summary: 'A history page: before or after a seq (both excluded), or the newest.',
  params,
  query: z
    .object({ before: seqInQuery.optional(), after: seqInQuery.optional(), limit: limitInQuery(50) })
    .refine(
      (query) => query.before === undefined || query.after === undefined,
      'takes before or after, not both',
    ),
  answers: { 200: historyPage },
  errors: ['conversation_not_found', 'unavailable'],
})

export const getEntries = defineRoute({
  id: 'getEntries',
  app: 'messages',
  method: 'GET',
  path: '/api/conversations/:conversationId/entries',
  access: 'user',
  summary: 'The entries after a seq, for catching up.',
  params,
  query: z.object({ after: seqInQuery, limit: limitInQuery(200) }),
  answers: { 200: entriesPage },
  errors: ['conversation_not_found', 'cursor_too_old', 'unavailable'],
})

export const markRead = defineRoute({
  id: 'markRead',
  app: 'messages',
  method: 'POST',
  path: '/api/conversations/:conversationId/read',
  access: 'user',
  summary: 'I have read up to this seq. Never moves back.',
  params,
  body: z.object({ seq }),
  answers: { 200: readAnswer },
  errors: ['conversation_not_found', 'unavailable'],
})

export const internalMemberships = defineRoute({
  id: 'internalMemberships',
  app: 'messages',
  method: 'POST',
  path: '/internal/memberships',
  access: ['realtime'],
  summary: 'The conversations of a user with their heads: the rooms that their sockets join.',
  body: z.object({ userId }),
  answers: { 200: z.object({ items: z.array(z.object({ conversationId, head: cursor })) }) },
  errors: ['unavailable'],
})

export const internalSync = defineRoute({
  id: 'internalSync',
  app: 'messages',
  method: 'POST',
  path: '/internal/sync',
  access: ['realtime'],
  summary: 'Where the conversations of a user stand.',
  body: syncRequest.extend({ userId }),
  answers: { 200: syncAnswer },
  errors: ['unavailable'],
})

export const internalRead = defineRoute({
  id: 'internalRead',
  app: 'messages',
  method: 'POST',
  path: '/internal/read',
  access: ['realtime'],
  summary: 'A user has read up to this seq.',
  body: z.object({ userId, conversationId, seq }),
  answers: { 200: readAnswer.extend({ readSeq: cursor, mentions: z.number().int() }) },
  errors: ['conversation_not_found', 'unavailable'],
})

export const internalEntries = defineRoute({
  id: 'internalEntries',
  app: 'messages',
  method: 'POST',
  path: '/internal/entries',
  access: ['realtime'],
  summary: 'The entries after a seq, for a node that repairs a gap; not bound to a member.',
  body: z.object({ conversationId, after: cursor, limit: z.number().int().min(1).max(limits.pageItems) }),
  answers: { 200: z.object({ items: z.array(entry), head: cursor, hasMore: z.boolean() }) },
  errors: ['conversation_not_found', 'unavailable'],
})

export const internalConversation = defineRoute({
  id: 'internalConversation',
  app: 'messages',
  method: 'POST',
  path: '/internal/conversation',
  access: ['realtime', 'notifications'],
  summary: 'A conversation and all its member ids.',
  body: z.object({ conversationId }),
  answers: { 200: z.object({ conversation, memberIds: z.array(userId) }) },
  errors: ['conversation_not_found', 'unavailable'],
})

export const internalAcquaintances = defineRoute({
  id: 'internalAcquaintances',
  app: 'messages',
  method: 'POST',
  path: '/internal/acquaintances',
  access: ['presence'],
  summary: 'Those of the given users who share a conversation with this one.',
  body: z.object({ userId, userIds: z.array(userId).max(limits.watchedUsers) }),
  answers: { 200: z.object({ userIds: z.array(userId) }) },
  errors: ['unavailable'],
})
