import {
  addMembers,
  type Command,
  type ConversationId,
  conversationChanged,
  createConversation,
  getConversation,
  getEntries,
  getHistory,
  internalAcquaintances,
  internalConversation,
  internalEntries,
  internalMemberships,
  internalRead,
  internalSync,
  limits,
  listConversations,
  listDeadLetters,
  listMembers,
  lookUpUsers,
  markRead,
  postMessage,
  removeMember,
  replayDeadLetters,
  type UserId,
  updateConversation,
  updateMember,
} from '@parley/contracts'
import { ChatError, type Clock, type HttpApp, handle, newId, type Sidecar } from '@parley/kit'
import type { RateLimiterAbstract } from 'rate-limiter-flexible'
import type { Commands } from './commands.ts'
import type { Conversations } from './conversations.ts'
import type { DeadLetters } from './dead-letters.ts'
import { toEntry, toMessage } from './entries.ts'
import { newConversationId } from './ids.ts'
import { activeMemberIds, isMember } from './log/fold.ts'
import type { ConversationLog } from './log/index.ts'
import type { View } from './log/view.ts'
import type { People } from './people.ts'

export interface RouteDeps {
  readonly log: ConversationLog
  readonly conversations: Conversations
  readonly commands: Commands
  readonly people: People
  readonly deadLetters: DeadLetters
  readonly sidecar: Pick<Sidecar, 'invoke' | 'publish'>
  readonly clock: Clock
  /** Undefined where rates are lifted. */
  readonly sendRate: RateLimiterAbstract | undefined
}

type Specific<C> = C extends Command ? Omit<C, 'senderId' | 'clientId' | 'submittedAt'> : never

export function registerRoutes(http: HttpApp, deps: RouteDeps): void {
  registerConversationRoutes(http, deps)
  registerMessageRoutes(http, deps)
  registerInternalRoutes(http, deps)
}

const commandOf = (
  { clock }: RouteDeps,
  senderId: UserId,
  clientId: string | undefined,
  specific: Specific<Command>,
): Command =>
  ({
    ...specific,
    senderId,
    clientId: clientId ?? newId(),
    submittedAt: new Date(clock.now()).toISOString(),
  }) as Command

/** The new members must exist and have room for one conversation more. */
async function checkPeople({ sidecar, people }: RouteDeps, userIds: readonly UserId[]): Promise<void> {
  const unique = [...new Set(userIds)]
  if (unique.length === 0) return
  const { items } = await sidecar.invoke(lookUpUsers, { body: { userIds: unique } })
  const known = new Set(items.map(({ id }) => id))
  const missing = unique.filter((id) => !known.has(id))
  if (missing.length > 0) throw new ChatError('user_not_found', { extra: { userIds: missing.slice(0, 10) } })
  for (const [user, count] of await people.conversationCounts(unique))
    if (count >= limits.conversationsPerPerson)
      throw new ChatError('conversations_exceeded', {
        detail: `A person has at most ${limits.conversationsPerPerson} conversations.`,
        extra: { userId: user },
      })
}

function registerConversationRoutes(http: HttpApp, deps: RouteDeps): void {
  const { conversations, commands } = deps

  async function change(
    user: UserId,
    id: ConversationId,
    clientId: string | undefined,
    specific: Specific<Command>,
  ): Promise<View> {
    await conversations.forMember(id, user)
    return (await commands.execute(id, commandOf(deps, user, clientId, specific))).view
  }

  handle(http, createConversation, async ({ body, caller }) => {
    const { kind, title, memberIds, clientId } = body
    if (kind === 'direct' && memberIds.length !== 1)
      throw new ChatError('invalid_body', {
        detail: 'body.memberIds: a direct conversation names exactly one other person',
      })
    const id = newConversationId(kind, caller.userId, memberIds, clientId)
    // What exists already makes nobody a member: nothing to check.
    const { fold } = await deps.log.views.current(id)
    if (fold.kind === undefined) await checkPeople(deps, [caller.userId, ...memberIds])
    const conversation = kind === 'direct' || title === undefined ? { kind } : { kind, title }
    // The id says already what the client id stands for: one constant names the command that creates it.
    const command = commandOf(deps, caller.userId, 'create', { kind: 'create', conversation, memberIds })
    const { view, repeated } = await commands.execute(id, command)
    if (!isMember(view.fold, caller.userId)) throw conversations.notFound(id)
    // Whether by this call or by the copy of its command that was published first.
    const isNew = !repeated && view.fold.createdBy === caller.userId
    return { status: isNew ? 201 : 200, body: conversations.show(view) }
  })
  handle(http, listConversations, async ({ query, caller }) => ({
    status: 200,
    body: await conversations.list(caller.userId, query.cursor, query.limit),
  }))
  handle(http, getConversation, async ({ params, caller }) => ({
    status: 200,
    body: conversations.show(await conversations.forMember(params.conversationId, caller.userId)),
  }))
  handle(http, updateConversation, async ({ params, body, caller }) => {
    const rename = { kind: 'rename', title: body.title } as const
    const view = await change(caller.userId, params.conversationId, body.clientId, rename)
    return { status: 200, body: conversations.show(view) }
  })
  handle(http, listMembers, async ({ params, query, caller }) => {
    const { fold } = await conversations.forMember(params.conversationId, caller.userId)
    const all = [...fold.members].filter(([, member]) => member.active).sort(([a], [b]) => (a < b ? -1 : 1))
    const rest = all.filter(([id]) => query.cursor === undefined || id > query.cursor)
    const items = rest
      .slice(0, query.limit)
      .map(([userId, { role, joinedAt }]) => ({ userId, role, joinedAt }))
    const last = items.at(-1)
    return {
      status: 200,
      body: { items, ...(last && rest.length > items.length ? { cursor: last.userId } : {}) },
    }
  })
  handle(http, addMembers, async ({ params, body, caller }) => {
    await conversations.forMember(params.conversationId, caller.userId)
    await checkPeople(deps, body.userIds)
    const { userIds, role } = body
    const add = { kind: 'add-members', userIds, ...(role === undefined ? {} : { role }) } as const
    const view = await change(caller.userId, params.conversationId, body.clientId, add)
    return { status: 200, body: conversations.show(view) }
  })
  handle(http, updateMember, async ({ params, body, caller }) => {
    const set = { kind: 'set-role', userId: params.userId, role: body.role } as const
    const view = await change(caller.userId, params.conversationId, body.clientId, set)
    return { status: 200, body: conversations.show(view) }
  })
  handle(http, removeMember, async ({ params, caller }) => {
    await change(caller.userId, params.conversationId, undefined, {
      kind: 'remove-member',
      userId: params.userId,
    })
    return { status: 204 }
  })
}

function registerMessageRoutes(http: HttpApp, deps: RouteDeps): void {
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
    const { seq, view, repeated } = await commands.execute(id, command)
    const message = await log.history.messageAt(view, seq)
    if (message?.by !== caller.userId || message.clientId !== clientId)
      throw new ChatError('client_id_reused')
    return { status: repeated ? 200 : 201, body: toMessage(id, message) }
  })
  handle(http, getHistory, async ({ params, query, caller }) => {
    const id = params.conversationId
    const view = await conversations.forMember(id, caller.userId)
    const head = view.fold.seq
    const { items, ...range } = await log.history.messages(view, query, limits.pageBytes)
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

async function entriesOf({ log }: RouteDeps, view: View, after: number, limit: number) {
  const id = view.id as ConversationId
  const head = view.fold.seq
  const stored = await log.history.entries(view, after, limit, limits.pageBytes)
  const items = stored.map((entry) => toEntry(id, entry))
  return { items, head, hasMore: (items.at(-1)?.seq ?? head) < head }
}

function registerInternalRoutes(http: HttpApp, deps: RouteDeps): void {
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
