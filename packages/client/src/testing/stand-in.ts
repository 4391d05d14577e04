import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type ClientToServer,
  type Conversation,
  type ConversationId,
  clientEvents,
  type Entry,
  type ErrorCode,
  errorCatalogue,
  type Message,
  type RouteContract,
  routes,
  type ServerToClient,
  type User,
  type UserId,
} from '@parley/contracts'
import { Server, type Socket } from 'socket.io'

/**
 * A server that speaks the protocol from memory: real HTTP, real Socket.IO, one process. It lets a test lose, double
 * and reorder entries, refuse sends, cut connections and end tokens, which a correct server does only by accident.
 */
export interface StandIn {
  readonly url: string
  /** What goes wrong from now on. */
  set faults(faults: Partial<Faults>)
  /** The log of a conversation, as stored. */
  log(conversationId: ConversationId): readonly Entry[]
  /** Cuts every connection. */
  cut(): void
  /** Tells every connected client something. */
  tell<E extends keyof ServerToClient>(event: E, ...payload: Parameters<ServerToClient[E]>): void
  expireTokens(): void
  /** Publishes the heads, as a server does every few seconds. */
  tellHeads(): void
  /** Entries at or below this seq are no longer kept. */
  raiseFloor(conversationId: ConversationId, floor: number): void
  requests(routeId: string): number
  close(): Promise<void>
}

/** Each is asked at its point; the default does nothing. */
export interface Faults {
  /** What becomes of an entry on its way to one socket. */
  deliver(entry: Entry): 'now' | 'lost' | 'doubled' | 'late'
  /** Refuses a send before anything happened; `stored` answers so although it was stored. */
  send(text: string): { code: ErrorCode; retryAfterMs?: number; stored?: boolean } | 'no-answer' | undefined
  http(routeId: string): ErrorCode | undefined
}

const nothing: Faults = { deliver: () => 'now', send: () => undefined, http: () => undefined }

class Refusal extends Error {
  readonly code: ErrorCode
  readonly extra: object
  constructor(code: ErrorCode, extra: object = {}) {
    super(code)
    this.code = code
    this.extra = extra
  }
}

interface Room {
  conversation: Conversation
  members: Set<UserId>
  log: Entry[]
  floor: number
  readSeq: Map<UserId, number>
}
type Handler = (request: {
  params: Record<string, string>
  query: Record<string, unknown>
  body: Record<string, unknown>
  me: User
}) => { status: number; body?: unknown }
type ChatServerSocket = Socket<ClientToServer, ServerToClient, Record<string, never>, { user: User }>

export async function startStandIn(options: { port?: number } = {}): Promise<StandIn> {
  const users = new Map<string, User & { password: string }>()
  const accessTokens = new Map<string, User>()
  const refreshTokens = new Map<string, User>()
  const rooms = new Map<ConversationId, Room>()
  const blocked = new Map<string, string>()
  const late: (() => void)[] = []
  const counts = new Map<string, number>()
  let faults = nothing
  let counter = 0
  let time = Date.now()

  const now = () => new Date(Math.max(Date.now(), ++time)).toISOString()
  const newId = (kind: string) => `${kind}${++counter}`
  const open = (user: User) => ({ id: user.id, username: user.username, displayName: user.displayName })

  const issue = ({ password: _, ...user }: User & { password?: string }) => {
    const accessToken = newId('access-')
    const refreshToken = newId('refresh-')
    accessTokens.set(accessToken, user)
    refreshTokens.set(refreshToken, user)
    return { user, accessToken, refreshToken, expiresIn: 900 }
  }

  function roomOf(conversationId: string, me: User): Room {
    const room = rooms.get(conversationId as ConversationId)
    if (!room?.members.has(me.id)) throw new Refusal('conversation_not_found')
    return room
  }

  type Change = Entry extends infer E
    ? E extends Entry
      ? Omit<E, 'conversationId' | 'seq' | 'at' | 'by'>
      : never
    : never
  function append(room: Room, by: UserId, change: (base: { seq: number; at: string }) => Change): Entry {
    const base = { seq: room.log.length + 1, at: now() }
    const entry = { conversationId: room.conversation.id, by, ...base, ...change(base) } as Entry
    room.log.push(entry)
    for (const socket of socketsOf(room.members)) deliver(socket, entry)
    return entry
  }

  function deliver(socket: ChatServerSocket, entry: Entry): void {
    const fate = faults.deliver(entry)
    if (fate === 'lost') return
    if (fate === 'late') {
      late.push(() => socket.emit('entry', entry))
      return
    }
    socket.emit('entry', entry)
    if (fate === 'doubled') socket.emit('entry', entry)
    for (const send of late.splice(0)) send()
  }

  function socketsOf(members: ReadonlySet<UserId>): ChatServerSocket[] {
    return [...io.sockets.sockets.values()].filter((socket) => members.has(socket.data.user.id))
  }

  function post(room: Room, me: User, draft: Record<string, unknown>): { message: Message; fresh: boolean } {
    for (const entry of room.log) {
      if (entry.kind !== 'message' || entry.by !== me.id) continue
      if (entry.message.clientId === draft.clientId) return { message: entry.message, fresh: false }
    }
    const entry = append(room, me.id, ({ seq, at }) => ({
      kind: 'message',
      message: {
        mentions: [],
        ...(draft as { clientId: string; text: string }),
        conversationId: room.conversation.id,
        seq,
        rev: seq,
        id: newId('m'),
        senderId: me.id,
        createdAt: at,
        reactions: [],
      },
    }))
    read(room, me, entry.seq)
    return { message: (entry as Extract<Entry, { kind: 'message' }>).message, fresh: true }
  }

  function read(room: Room, me: User, seq: number): { unread: number } {
    const readSeq = Math.max(room.readSeq.get(me.id) ?? 0, Math.min(seq, room.log.length))
    room.readSeq.set(me.id, readSeq)
    return { unread: stand(room, me).unread }
  }

  function stand(room: Room, me: User) {
    const readSeq = room.readSeq.get(me.id) ?? 0
    const unread = room.log.filter(
      (entry) => entry.kind === 'message' && entry.seq > readSeq && entry.by !== me.id,
    ).length
    return { head: room.log.length, unread, mentions: 0, readSeq }
  }

  const messagesOf = (room: Room) =>
    room.log.flatMap((entry) => (entry.kind === 'message' && entry.seq > room.floor ? [entry.message] : []))
  const mine = (me: User) =>
    [...rooms.values()]
      .filter((room) => room.members.has(me.id))
      .sort((a, b) => ((a.log.at(-1)?.at ?? '') < (b.log.at(-1)?.at ?? '') ? 1 : -1))

  function addMembers(room: Room, me: User, userIds: readonly UserId[]): void {
    for (const userId of userIds) {
      if (room.members.has(userId)) continue
      room.members.add(userId)
      room.conversation = {
        ...room.conversation,
        memberCount: room.members.size,
        memberIds: [...room.members],
      }
      append(room, me.id, () => ({ kind: 'member', userId, change: 'added', role: 'member' }))
    }
    for (const socket of socketsOf(new Set(userIds))) {
      socket.emit('conversation:added', { conversation: room.conversation })
    }
  }

  const handlers: Record<string, Handler> = {
    register({ body }) {
      const username = String(body.username)
      if (users.has(username.toLowerCase())) throw new Refusal('username_taken')
      const displayName = String(body.displayName ?? username)
      const user = {
        id: newId('u') as UserId,
        username,
        displayName,
        createdAt: now(),
        password: String(body.password),
      }
      users.set(username.toLowerCase(), user)
      return { status: 201, body: issue(user) }
    },
    login({ body }) {
      const user = users.get(String(body.username).toLowerCase())
      if (user?.password !== body.password || !user) throw new Refusal('bad_credentials')
      return { status: 200, body: issue(user) }
    },
    refresh({ body }) {
      const user = refreshTokens.get(String(body.refreshToken))
      if (!user) throw new Refusal('refresh_reused')
      refreshTokens.delete(String(body.refreshToken))
      return { status: 200, body: issue(user) }
    },
    logout: () => ({ status: 204 }),
    getMe: ({ me }) => ({ status: 200, body: me }),
    getUser({ params }) {
      const user = [...users.values()].find(({ id }) => id === params.userId)
      if (!user) throw new Refusal('user_not_found')
      return { status: 200, body: open(user) }
    },
    findUsers({ query }) {
      const start = String(query.query).toLowerCase()
      const items = [...users.values()].filter(
        ({ username, displayName }) =>
          username.toLowerCase().startsWith(start) || displayName.toLowerCase().startsWith(start),
      )
      return { status: 200, body: { items: items.map(open) } }
    },
    createConversation({ body, me }) {
      const memberIds = [...new Set([me.id, ...(body.memberIds as UserId[])])]
      const pair = body.kind === 'direct' && [...memberIds].sort().join('-')
      const id = (pair || newId('c')) as ConversationId
      const known = rooms.get(id)
      if (known) return { status: 200, body: known.conversation }
      const conversation: Conversation = {
        id,
        kind: body.kind as Conversation['kind'],
        ...(typeof body.title === 'string' && { title: body.title }),
        createdAt: now(),
        createdBy: me.id,
        memberCount: 1,
        memberIds: [me.id],
      }
      const room: Room = { conversation, members: new Set([me.id]), log: [], floor: 0, readSeq: new Map() }
      rooms.set(id, room)
      append(room, me.id, () => ({ kind: 'conversation', conversation }))
      addMembers(room, me, memberIds)
      return { status: 201, body: room.conversation }
    },
    listConversations({ query, me }) {
      const from = Number(query.cursor ?? 0)
      const limit = Number(query.limit)
      const all = mine(me)
      const items = all.slice(from, from + limit).map((room) => ({
        conversation: room.conversation,
        ...stand(room, me),
        lastMessage: messagesOf(room).at(-1) ?? null,
        muted: false,
      }))
      const more = from + limit < all.length
      return { status: 200, body: { items, ...(more && { cursor: String(from + limit) }) } }
    },
    getConversation: ({ params, me }) => ({
      status: 200,
      body: roomOf(params.conversationId ?? '', me).conversation,
    }),
    addMembers({ params, body, me }) {
      const room = roomOf(params.conversationId ?? '', me)
      addMembers(room, me, body.userIds as UserId[])
      return { status: 200, body: room.conversation }
    },
    postMessage({ params, body, me }) {
      const { message, fresh } = post(roomOf(params.conversationId ?? '', me), me, body)
      return { status: fresh ? 201 : 200, body: message }
    },
    getHistory({ params, query, me }) {
      const room = roomOf(params.conversationId ?? '', me)
      const head = room.log.length
      const before = Number(query.before ?? head + 1)
      const older = messagesOf(room).filter((message) => message.seq < before)
      const items = older.slice(-Number(query.limit))
      const hasMore = items.length < older.length
      const fromSeq = hasMore ? (items[0]?.seq ?? 0) : room.floor
      return {
        status: 200,
        body: { items, fromSeq, toSeq: Math.max(0, before - 1), asOf: head, head, hasMore },
      }
    },
    getEntries({ params, query, me }) {
      const room = roomOf(params.conversationId ?? '', me)
      const after = Number(query.after)
      const head = room.log.length
      if (after < room.floor) throw new Refusal('cursor_too_old', { head, floor: room.floor })
      const items = room.log.slice(after, after + Number(query.limit))
      return { status: 200, body: { items, head, hasMore: after + items.length < head } }
    },
    markRead({ params, body, me }) {
      return { status: 200, body: read(roomOf(params.conversationId ?? '', me), me, Number(body.seq)) }
    },
    getPresence: ({ query }) => ({
      status: 200,
      body: { items: presenceOf(query.userIds as UserId[]) },
    }),
  }

  const presenceOf = (userIds: readonly UserId[]) =>
    userIds.map((userId) => {
      const online = socketsOf(new Set([userId])).length > 0
      return { userId, status: online ? ('online' as const) : ('offline' as const), lastSeenAt: now() }
    })

  const http = createServer((request, response) => void answer(request, response))
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    try {
      const found = findRoute(request.method ?? '', url.pathname)
      const handler = found && handlers[found.route.id]
      if (!found || !handler) throw new Refusal('route_not_found')
      counts.set(found.route.id, (counts.get(found.route.id) ?? 0) + 1)
      const fault = faults.http(found.route.id)
      if (fault) throw new Refusal(fault)
      const token = request.headers.authorization?.replace('Bearer ', '')
      const me = token === undefined ? undefined : accessTokens.get(token)
      if (found.route.access === 'user' && !me) throw new Refusal('token_expired')
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const body = found.route.body?.safeParse(text === '' ? undefined : JSON.parse(text))
      const query = found.route.query?.safeParse(Object.fromEntries(url.searchParams))
      if (body?.success === false || query?.success === false) throw new Refusal('invalid_body')
      const result = handler({
        params: found.params,
        query: (query?.data ?? {}) as Record<string, unknown>,
        body: (body?.data ?? {}) as Record<string, unknown>,
        me: me as User,
      })
      response.writeHead(result.status, { 'content-type': 'application/json' })
      response.end(result.body === undefined ? undefined : JSON.stringify(result.body))
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 'internal'
      const { status, title } = errorCatalogue[code]
      const extra = error instanceof Refusal ? error.extra : {}
      response.writeHead(status, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ type: 'about:blank', title, status, code, ...extra }))
    }
  }

  const io = new Server<ClientToServer, ServerToClient, Record<string, never>, { user: User }>(http)
  io.use((socket, next) => {
    const user = accessTokens.get(String(socket.handshake.auth.token))
    if (!user) return next(Object.assign(new Error('token_expired'), { data: { code: 'token_expired' } }))
    socket.data.user = user
    next()
  })
  io.on('connection', (socket) => {
    const me = socket.data.user
    const sessionId = 's1' as Parameters<ServerToClient['ready']>[0]['sessionId']
    socket.emit('ready', { userId: me.id, sessionId, node: 'stand-in', serverTime: now() })
    const tellPresence = () => {
      for (const presence of presenceOf([me.id])) socket.broadcast.emit('presence', presence)
    }
    tellPresence()
    socket.on('disconnect', tellPresence)

    const guarded =
      <P, A>(act: (payload: P) => A) =>
      (payload: P, ack: (answer: never) => void) => {
        try {
          ack({ ok: true, ...act(payload) } as never)
        } catch (error) {
          const code = error instanceof Refusal ? error.code : 'internal'
          ack({ ok: false, error: { code, message: code } } as never)
        }
      }

    socket.on('message:send', (payload, ack) => {
      const parsed = clientEvents['message:send'].payload.safeParse(payload)
      if (!parsed.success) return ack({ ok: false, error: { code: 'invalid_body', message: 'invalid' } })
      const { conversationId, ...draft } = parsed.data
      const lane = `${socket.id} ${conversationId}`
      const first = blocked.get(lane)
      if (first !== undefined && first !== draft.clientId) {
        return ack({ ok: false, error: { code: 'rate_limited', message: 'behind another', retryAfterMs: 5 } })
      }
      blocked.delete(lane)
      const fault = faults.send(draft.text)
      if (fault === 'no-answer') return
      if (fault && !fault.stored) {
        if (errorCatalogue[fault.code].retry) blocked.set(lane, draft.clientId)
        const { code, retryAfterMs } = fault
        const error = { code, message: code, ...(retryAfterMs !== undefined && { retryAfterMs }) }
        return ack({ ok: false, error })
      }
      guarded(() => {
        const { message } = post(roomOf(conversationId, me), me, draft)
        if (fault) throw new Refusal(fault.code)
        return { message }
      })(undefined, ack as never)
    })
    socket.on(
      'conversation:read',
      guarded(({ conversationId: id, seq }: { conversationId: string; seq: number }) => {
        const conversationId = id as ConversationId
        const room = roomOf(conversationId, me)
        const answer = read(room, me, seq)
        for (const other of socketsOf(new Set([me.id]))) {
          if (other === socket) continue
          const { readSeq, unread, mentions } = stand(room, me)
          other.emit('read', { conversationId, readSeq, unread, mentions })
        }
        return answer
      }) as ClientToServer['conversation:read'],
    )
    socket.on(
      'sync',
      guarded(({ cursors }: { cursors: Record<string, number> }) => {
        const conversations = mine(me).map((room) => {
          const named = cursors[room.conversation.id]
          const reset = named !== undefined && named < room.floor
          return { id: room.conversation.id, ...stand(room, me), ...(reset && { reset: true as const }) }
        })
        const gone = Object.keys(cursors).filter((id) => !rooms.get(id as ConversationId)?.members.has(me.id))
        return { conversations, gone }
      }) as ClientToServer['sync'],
    )
    socket.on(
      'presence:watch',
      guarded(({ userIds }: { userIds: string[] }) => ({
        items: presenceOf(userIds as UserId[]),
      })) as ClientToServer['presence:watch'],
    )
    const typing = (active: boolean) => (payload: { conversationId: string }) => {
      const room = rooms.get(payload.conversationId as ConversationId)
      for (const other of socketsOf(room?.members ?? new Set())) {
        const conversationId = payload.conversationId as ConversationId
        if (other !== socket) other.emit('typing', { conversationId, userId: me.id, active })
      }
    }
    socket.on('typing:start', typing(true))
    socket.on('typing:stop', typing(false))
  })

  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    set faults(next: Partial<Faults>) {
      faults = { ...nothing, ...next }
    },
    log: (conversationId) => rooms.get(conversationId)?.log ?? [],
    cut: () => {
      for (const socket of io.sockets.sockets.values()) socket.conn.close()
    },
    tell: (event, ...payload) => void io.emit(event, ...payload),
    expireTokens: () => accessTokens.clear(),
    tellHeads() {
      for (const socket of io.sockets.sockets.values()) {
        socket.emit(
          'heads',
          Object.fromEntries(
            mine(socket.data.user).map((room) => [room.conversation.id, room.log.length]),
          ) as Parameters<ServerToClient['heads']>[0],
        )
      }
    },
    raiseFloor(conversationId, floor) {
      const room = rooms.get(conversationId)
      if (room) room.floor = floor
    },
    requests: (routeId) => counts.get(routeId) ?? 0,
    async close() {
      await io.close()
    },
  }
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
