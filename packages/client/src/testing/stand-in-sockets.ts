import type { Server as HttpServer } from 'node:http'
import {
  type AckOf,
  type ClientPayload,
  type ClientToServer,
  type ConversationId,
  clientEvents,
  type Entry,
  type ErrorCode,
  errorCatalogue,
  type Presence,
  type ServerToClient,
  type SessionId,
  type User,
  type UserId,
} from '@parley/contracts'
import { Server, type Socket } from 'socket.io'
import { type Faults, Refusal } from './faults.ts'
import type { Accounts } from './stand-in-accounts.ts'
import type { Room, Rooms } from './stand-in-rooms.ts'

interface SocketData {
  user: User
  /** The send of each conversation that was refused: the later ones wait for it. */
  shut: Map<ConversationId, string>
  /** Nothing that was sent after the break arrives. */
  broken: boolean
}
type ChatServerSocket = Socket<ClientToServer, ServerToClient, Record<string, never>, SocketData>

/** What `realtime` does, over memory: the handshake, the client events with their acknowledgements, delivery. */
export function createSocketSide(
  http: HttpServer,
  deps: { accounts: Accounts; rooms: Rooms; faults(): Faults; now(): string },
) {
  const { accounts, rooms } = deps
  const late: (() => void)[] = []
  const io = new Server<ClientToServer, ServerToClient, Record<string, never>, SocketData>(http)

  const sockets = () => [...io.sockets.sockets.values()]
  const socketsOf = (userIds: ReadonlySet<UserId>) =>
    sockets().filter(({ data }) => userIds.has(data.user.id))
  const presenceOf = (userIds: readonly UserId[]): Presence[] =>
    userIds.map((userId) => ({
      userId,
      status: socketsOf(new Set([userId])).length > 0 ? 'online' : 'offline',
      lastSeenAt: deps.now(),
    }))

  function deliver(socket: ChatServerSocket, entry: Entry): void {
    const fate = deps.faults().deliver(entry)
    if (fate === 'lost') return
    if (fate === 'late') {
      late.push(() => socket.emit('entry', entry))
      return
    }
    socket.emit('entry', entry)
    if (fate === 'doubled') socket.emit('entry', entry)
    for (const send of late.splice(0)) send()
  }

  /** Undefined: the connection broke, and nobody is answered. */
  function send(socket: ChatServerSocket, payload: unknown): AckOf<'message:send'> | undefined {
    const { user, shut } = socket.data
    const { conversationId, ...draft } = clientEvents['message:send'].payload.parse(payload)
    const first = shut.get(conversationId)
    if (first !== undefined && first !== draft.clientId) return refusal('rate_limited', 5)
    shut.delete(conversationId)
    const fault = deps.faults().send(draft.text)
    const stored =
      fault && !fault.stored ? undefined : rooms.post(rooms.find(conversationId, user), user, draft)
    if (fault && 'cut' in fault) {
      socket.data.broken = true
      socket.conn.close()
      return undefined
    }
    if (fault) {
      if (errorCatalogue[fault.refused].retry) shut.set(conversationId, draft.clientId)
      return refusal(fault.refused, fault.retryAfterMs)
    }
    return stored && { ok: true, message: stored.message }
  }

  function sync(user: User, { cursors }: ClientPayload<'sync'>): AckOf<'sync'> {
    const mine = rooms.of(user)
    const conversations = mine.map((room) => {
      const cursor = cursors[room.conversation.id]
      const reset = cursor !== undefined &&
        (cursor < room.floor || cursor > room.log.length) && { reset: true as const }
      return { id: room.conversation.id, ...rooms.stand(room, user), ...reset }
    })
    const gone = Object.keys(cursors).filter((id) => !mine.some(({ conversation }) => conversation.id === id))
    return { ok: true, conversations, gone: gone as ConversationId[] }
  }

  function connect(socket: ChatServerSocket): void {
    const { user } = socket.data
    socket.emit('ready', {
      userId: user.id,
      sessionId: 's1' as SessionId,
      node: 'stand-in',
      serverTime: deps.now(),
    })
    const tellPresence = () => {
      for (const presence of presenceOf([user.id])) socket.broadcast.emit('presence', presence)
    }
    tellPresence()
    socket.on('disconnect', tellPresence)
    const answer = <P, A>(handler: (payload: P) => A | undefined) => answered(socket, handler)
    socket.on(
      'message:send',
      answer<unknown, AckOf<'message:send'>>((payload) => send(socket, payload)),
    )
    socket.on(
      'conversation:read',
      answer(({ conversationId, seq }) => {
        const room = rooms.find(conversationId, user)
        const { unread } = rooms.read(room, user, seq)
        const { readSeq, mentions } = rooms.stand(room, user)
        for (const other of socketsOf(new Set([user.id]))) {
          if (other !== socket) {
            other.emit('read', { conversationId: room.conversation.id, readSeq, unread, mentions })
          }
        }
        return { ok: true, unread }
      }),
    )
    socket.on(
      'sync',
      answer((payload) => sync(user, payload)),
    )
    socket.on(
      'presence:watch',
      answer(({ userIds }) => ({ ok: true, items: presenceOf(userIds as UserId[]) })),
    )
    for (const [name, active] of [
      ['typing:start', true],
      ['typing:stop', false],
    ] as const) {
      socket.on(name, ({ conversationId }) => {
        const room = rooms.get(conversationId)
        if (!room) return
        for (const other of socketsOf(room.members)) {
          if (other !== socket)
            other.emit('typing', { conversationId: room.conversation.id, userId: user.id, active })
        }
      })
    }
  }

  io.use((socket, next) => {
    const user = accounts.byToken(String(socket.handshake.auth.token))
    if (!user) return next(Object.assign(new Error('token_expired'), { data: { code: 'token_expired' } }))
    Object.assign(socket.data, { user, shut: new Map(), broken: false })
    next()
  })
  io.on('connection', connect)

  return {
    presenceOf,
    deliver: (room: Room, entry: Entry) => {
      for (const socket of socketsOf(room.members)) deliver(socket, entry)
    },
    tellAdded(room: Room, userIds: readonly UserId[]): void {
      for (const socket of socketsOf(new Set(userIds))) {
        socket.emit('conversation:added', { conversation: room.conversation })
      }
    },
    tellHeads(): void {
      for (const socket of sockets()) {
        const heads = rooms.of(socket.data.user).map((room) => [room.conversation.id, room.log.length])
        socket.emit('heads', Object.fromEntries(heads))
      }
    },
    tell: <E extends keyof ServerToClient>(event: E, ...payload: Parameters<ServerToClient[E]>) =>
      void io.emit(event, ...payload),
    cut(): void {
      for (const socket of sockets()) socket.conn.close()
    },
    close: () => io.close(),
  }
}

const refusal = (code: ErrorCode, retryAfterMs?: number) => ({
  ok: false as const,
  error: { code, message: code, ...(retryAfterMs !== undefined && { retryAfterMs }) },
})

/** A handler that throws is answered, as a server answers whatever comes; behind a break nothing arrives. */
function answered<P, A>(socket: ChatServerSocket, handler: (payload: P) => A | undefined) {
  return (payload: P, ack: (answer: A) => void): void => {
    if (socket.data.broken) return
    try {
      const answer = handler(payload)
      if (answer !== undefined) ack(answer)
    } catch (error) {
      ack(refusal(error instanceof Refusal ? error.code : 'internal') as A)
    }
  }
}
