import { z } from 'zod'
import { presence } from '../entities.ts'
import { nodeClock } from '../events.ts'
import { sessionId, timestamp, userId } from '../ids.ts'
import { limits } from '../limits.ts'
import { defineRoute } from '../route.ts'

const userIdsInQuery = z
  .string()
  .transform((list) => list.split(',').filter((id) => id !== ''))
  .pipe(z.array(userId).min(1).max(limits.watchedUsers))

export const getPresence = defineRoute({
  id: 'getPresence',
  app: 'presence',
  method: 'GET',
  path: '/api/presence',
  access: 'user',
  summary: 'The presence of people who share a conversation with me; others are left out.',
  query: z.object({ userIds: userIdsInQuery }),
  answers: { 200: z.object({ items: z.array(presence) }) },
  errors: ['unavailable'],
})

export const setPresence = defineRoute({
  id: 'setPresence',
  app: 'presence',
  method: 'PUT',
  path: '/api/presence/me',
  access: 'user',
  summary: 'Set my status. `invisible` looks offline with a frozen lastSeenAt.',
  body: z.object({
    status: z.enum(['online', 'away', 'dnd', 'invisible']),
    text: z.string().max(140).optional(),
  }),
  answers: { 204: null },
  errors: ['unavailable'],
})

export const internalWatch = defineRoute({
  id: 'internalWatch',
  app: 'presence',
  method: 'POST',
  path: '/internal/watch',
  access: ['realtime'],
  summary: 'The presence of those of the given users whom this user may see.',
  body: z.object({ userId, userIds: z.array(userId).max(limits.watchedUsers) }),
  answers: { 200: z.object({ items: z.array(presence) }) },
  errors: ['unavailable'],
})

export const internalVisibility = defineRoute({
  id: 'internalVisibility',
  app: 'presence',
  method: 'POST',
  path: '/internal/visibility',
  access: ['realtime'],
  summary: 'Whether a person has chosen to be invisible, as of which revision.',
  body: z.object({ userId }),
  answers: { 200: z.object({ hidden: z.boolean(), rev: z.number().int() }) },
  errors: ['unavailable'],
})

export const internalOnline = defineRoute({
  id: 'internalOnline',
  app: 'presence',
  method: 'POST',
  path: '/internal/online',
  access: ['notifications'],
  summary: 'Those of the given users who have a connected device, whatever status they show.',
  body: z.object({ userIds: z.array(userId).max(limits.conversationMembers) }),
  answers: { 200: z.object({ userIds: z.array(userId) }) },
  errors: ['unavailable'],
})

export const internalReport = defineRoute({
  id: 'internalReport',
  app: 'presence',
  method: 'POST',
  path: '/internal/report',
  access: ['realtime'],
  summary:
    'A node lives, and these devices came or went since its last report: what its events say, too, if none is lost.',
  body: nodeClock.extend({
    closing: z.boolean(),
    devices: z
      .array(
        z.object({
          connected: z.boolean(),
          counter: z.number().int(),
          at: timestamp,
          userId,
          sessionId,
          socketId: z.string(),
        }),
      )
      .max(limits.reportedDevices),
  }),
  answers: { 204: null },
  errors: ['unavailable'],
})
