import {
  addMembers,
  type Command,
  type ConversationId,
  createConversation,
  getConversation,
  limits,
  listConversations,
  listMembers,
  lookUpUsers,
  removeMember,
  type UserId,
  updateConversation,
  updateMember,
} from '@parley/contracts'
import { ChatError, type HttpApp, handle } from '@parley/kit'
import { newConversationId } from '../ids.ts'
import { isMember } from '../log/fold.ts'
import type { View } from '../log/view.ts'
import { commandOf, type RouteDeps, type Specific } from './deps.ts'

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

export function registerConversationRoutes(http: HttpApp, deps: RouteDeps): void {
  const { conversations, commands } = deps

  async function change(
    user: UserId,
    id: ConversationId,
    clientId: string | undefined,
    specific: Specific<Command>,
  ): Promise<View> {
    const { view } = await commands.execute(
      id,
      commandOf(deps, user, clientId, specific),
      clientId !== undefined,
    )
    // A repeat of what somebody did while they were a member has its outcome, but shows them nothing any more.
    if (specific.kind !== 'remove-member' && !isMember(view.fold, user)) throw conversations.notFound(id)
    return view
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
    const { view, repeated } = await commands.execute(id, command, true)
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
