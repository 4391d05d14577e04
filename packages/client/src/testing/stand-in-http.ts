import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ConversationKind,
  errorCatalogue,
  type Presence,
  type RouteContract,
  routes,
  type User,
  type UserId,
} from '@parley/contracts'
import { type Faults, Refusal } from './faults.ts'
import type { Accounts } from './stand-in-accounts.ts'
import { messagesOf, type Rooms } from './stand-in-rooms.ts'

interface Asked {
  readonly params: Record<string, string>
  readonly query: Record<string, unknown>
  readonly body: Record<string, unknown>
  readonly me: User
}
type Answer = { readonly status: number; readonly body?: unknown; readonly type?: string }

/** The routes of the protocol that the client's tests call, over memory. Requests are parsed by the contracts. */
export function createHttpSide(deps: {
  accounts: Accounts
  rooms: Rooms
  faults(): Faults
  presenceOf(userIds: readonly UserId[]): Presence[]
}) {
  const { accounts, rooms } = deps
  const counts = new Map<string, number>()
  const open = ({ id, username, displayName }: User) => ({ id, username, displayName })
  const room = ({ params, me }: Asked) => rooms.find(params.conversationId ?? '', me)
  const ok = (body: unknown, status = 200): Answer => ({ status, body })

  const handlers: Record<string, (asked: Asked) => Answer> = {
    register: ({ body }) => ok(accounts.register(body), 201),
    login: ({ body }) => ok(accounts.login(body)),
    refresh: ({ body }) => ok(accounts.refresh(String(body.refreshToken))),
    logout: () => ({ status: 204 }),
    getMe: ({ me }) => ok(me),
    getUser({ params }) {
      const user = accounts.all().find(({ id }) => id === params.userId)
      if (!user) throw new Refusal('user_not_found')
      return ok(open(user))
    },
    findUsers({ query }) {
      const start = String(query.query).toLowerCase()
      const fits = (user: User) =>
        [user.username, user.displayName].some((name) => name.toLowerCase().startsWith(start))
      return ok({ items: accounts.all().filter(fits).map(open) })
    },
    createConversation({ body, me }) {
      const wish = body as { kind: ConversationKind; title?: string; memberIds: UserId[] }
      const made = rooms.create(me, wish)
      return ok(made.room.conversation, made.fresh ? 201 : 200)
    },
    listConversations({ query, me }) {
      const from = Number(query.cursor ?? 0)
      const to = from + Number(query.limit)
      const all = rooms.of(me)
      const items = all.slice(from, to).map((each) => ({
        conversation: each.conversation,
        ...rooms.stand(each, me),
        lastMessage: messagesOf(each).at(-1) ?? null,
        muted: false,
      }))
      return ok({ items, ...(to < all.length && { cursor: String(to) }) })
    },
    getConversation: (asked) => ok(room(asked).conversation),
    addMembers(asked) {
      rooms.add(room(asked), asked.me, asked.body.userIds as UserId[])
      return ok(room(asked).conversation)
    },
    postMessage(asked) {
      const { message, fresh } = rooms.post(room(asked), asked.me, asked.body)
      return ok(message, fresh ? 201 : 200)
    },
    getHistory(asked) {
      const { log, floor } = room(asked)
      const head = log.length
      const before = Number(asked.query.before ?? head + 1)
      const older = messagesOf(room(asked)).filter(({ seq }) => seq < before)
      const items = older.slice(-Number(asked.query.limit))
      const hasMore = items.length < older.length
      const fromSeq = hasMore ? (items[0]?.seq ?? 0) : floor
      return ok({ items, fromSeq, toSeq: Math.max(0, before - 1), asOf: head, head, hasMore })
    },
    getEntries(asked) {
      const { log, floor } = room(asked)
      const after = Number(asked.query.after)
      const head = log.length
      if (after < floor) throw new Refusal('cursor_too_old', { head, floor })
      const items = log.slice(after, after + Number(asked.query.limit))
      return ok({ items, head, hasMore: after + items.length < head })
    },
    markRead: (asked) => ok(rooms.read(room(asked), asked.me, Number(asked.body.seq))),
    getPresence: ({ query }) => ok({ items: deps.presenceOf(query.userIds as UserId[]) }),
  }

  async function handle(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    const found = findRoute(request.method ?? '', url.pathname)
    const handler = found && handlers[found.route.id]
    if (!found || !handler) throw new Refusal('route_not_found')
    const { route, params } = found
    counts.set(route.id, (counts.get(route.id) ?? 0) + 1)
    const fault = deps.faults().http(route.id)
    if (fault) throw new Refusal(fault)
    const me = accounts.byToken(request.headers.authorization?.replace('Bearer ', ''))
    if (route.access === 'user' && !me) throw new Refusal('token_expired')
    const body = route.body?.safeParse(await readJson(request))
    const query = route.query?.safeParse(Object.fromEntries(url.searchParams))
    if (body?.success === false || query?.success === false) throw new Refusal('invalid_body')
    return handler({
      params,
      query: (query?.data ?? {}) as Record<string, unknown>,
      body: (body?.data ?? {}) as Record<string, unknown>,
      me: me as User,
    })
  }

  return {
    requests: (routeId: string) => counts.get(routeId) ?? 0,
    async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { status, body, type = 'application/json' } = await handle(request).catch(problem)
      response.writeHead(status, { 'content-type': type })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    },
  }
}

function problem(error: unknown): Answer {
  const { code, extra } = error instanceof Refusal ? error : new Refusal('internal')
  const { status, title } = errorCatalogue[code]
  return {
    status,
    type: 'application/problem+json',
    body: { type: 'about:blank', title, status, code, ...extra },
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? undefined : JSON.parse(text)
}

function findRoute(method: string, path: string) {
  for (const route of routes) {
    const params = matchPath(route, method, path)
    if (params) return { route, params }
  }
  return undefined
}

function matchPath(route: RouteContract, method: string, path: string): Record<string, string> | undefined {
  if (route.method !== method) return undefined
  const pattern = route.path.replaceAll('.', '\\.').replace(/:(\w+)/g, '(?<$1>[^/]+)')
  const match = new RegExp(`^${pattern}$`).exec(path)
  return match ? { ...match.groups } : undefined
}
