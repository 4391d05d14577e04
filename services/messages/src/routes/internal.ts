import {
  internalAcquaintances,
  internalConversation,
  internalEntries,
  internalMemberships,
  internalRead,
  internalSync,
  listDeadLetters,
  replayDeadLetters,
} from '@parley/contracts'
import { type HttpApp, handle } from '@parley/kit'
import { activeMemberIds } from '../log/fold.ts'
import { entriesOf, type RouteDeps } from './deps.ts'

/** What the other services and the operator ask. */
export function registerInternalRoutes(http: HttpApp, deps: RouteDeps): void {
  const { conversations, log, deadLetters } = deps

  handle(http, internalMemberships, async ({ body }) => ({
    status: 200,
    body: { items: await conversations.heads(body.userId) },
  }))
  handle(http, internalSync, async ({ body: { userId, ...request } }) => ({
    status: 200,
    body: await conversations.sync(userId, request),
  }))
  handle(http, internalRead, async ({ body }) => ({
    status: 200,
    body: await conversations.markRead(body.conversationId, body.userId, body.seq),
  }))
  handle(http, internalEntries, async ({ body }) => {
    const view = await log.views.current(body.conversationId)
    return { status: 200, body: await entriesOf(deps, view, body.after, body.limit) }
  })
  handle(http, internalConversation, async ({ body }) => {
    const view = await log.views.current(body.conversationId)
    return {
      status: 200,
      body: { conversation: conversations.show(view), memberIds: activeMemberIds(view.fold) },
    }
  })
  handle(http, internalAcquaintances, async ({ body }) => ({
    status: 200,
    body: { userIds: await conversations.acquaintances(body.userId, body.userIds) },
  }))
  handle(http, listDeadLetters, async () => ({ status: 200, body: { items: await deadLetters.list() } }))
  handle(http, replayDeadLetters, async ({ body }) => ({
    status: 200,
    body: { replayed: await deadLetters.replay(body.ids) },
  }))
}
