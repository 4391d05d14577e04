import {
  type Command,
  conversationChanged,
  getEntries,
  getHistory,
  limits,
  markRead,
  postMessage,
} from '@parley/contracts'
import { ChatError, type HttpApp, handle } from '@parley/kit'
import { toMessage } from '../entries.ts'
import { commandOf, entriesOf, type RouteDeps, type Specific } from './deps.ts'

export function registerMessageRoutes(http: HttpApp, deps: RouteDeps): void {
  const { conversations, commands, log, sidecar } = deps

  handle(http, postMessage, async ({ params, body, caller }) => {
    const id = params.conversationId
    await deps.sendRate?.consume(caller.userId).catch((refused: { msBeforeNext?: number }) => {
      const detail = `At most ${limits.messagesPerSecond} messages per second.`
      throw new ChatError('rate_limited', { detail, retryAfterMs: refused.msBeforeNext ?? 1_000 })
    })
    const { clientId, ...draft } = body
    const command = commandOf(deps, caller.userId, clientId, {
      kind: 'message',
      ...draft,
    } as Specific<Command>)
    const { seq, view, repeated } = await commands.execute(id, command, true)
    const message = await log.history.messageAt(view, seq)
    if (message?.by !== caller.userId || message.clientId !== clientId)
      throw new ChatError('client_id_reused')
    return { status: repeated ? 200 : 201, body: toMessage(id, message) }
  })
  handle(http, getHistory, async ({ params, query, caller }) => {
    const id = params.conversationId
    const [view, readAhead] = await Promise.all([
      conversations.forMember(id, caller.userId),
      log.history.readAhead(id, query),
    ])
    const head = view.fold.seq
    const { items, ...range } = await log.history.messages(view, query, limits.pageBytes, readAhead)
    const messages = items.map((message) => toMessage(id, message))
    return { status: 200, body: { items: messages, ...range, asOf: head, head } }
  })
  handle(http, getEntries, async ({ params, query, caller }) => {
    const view = await conversations.forMember(params.conversationId, caller.userId)
    return { status: 200, body: await entriesOf(deps, view, query.after, query.limit) }
  })
  handle(http, markRead, async ({ params: { conversationId }, body, caller: { userId }, logger }) => {
    const marker = await conversations.markRead(conversationId, userId, body.seq)
    // A courtesy to the person's devices, which nobody waits for: what counts is written.
    sidecar
      .publish(conversationChanged, { heads: {}, reads: [{ userId, conversationId, ...marker }] })
      .catch((error) => logger.warn({ err: error }, 'a read marker was not told to the devices'))
    return { status: 200, body: { unread: marker.unread } }
  })
}
