import {
  type AckError,
  type AckOf,
  ackError,
  type ClientEventName,
  type ClientPayload,
  type ClientToServer,
  type ConversationId,
  clientEvents,
  type Entry,
  type Message,
  type ServerEventName,
  type ServerPayload,
  type ServerToClient,
  serverEvents,
} from '@parley/contracts'
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { z } from 'zod'
import { createHearing, type Heard, type Hearing } from './hearing.ts'
import type { Shapes } from './shapes.ts'

type Answered = {
  [E in ClientEventName]: (typeof clientEvents)[E]['ack'] extends z.ZodType ? E : never
}[ClientEventName]
type Accepted<E extends Answered> = Extract<AckOf<E>, { ok: true }>

type ChatSocket = Socket<ServerToClient, ClientToServer>

/** One Socket.IO connection of somebody: it remembers all that it hears. */
export interface Device {
  readonly socket: ChatSocket
  /** The first event of this name that fits, whether it came already or is still to come. */
  until<E extends ServerEventName>(
    name: E,
    fits?: (payload: ServerPayload<E>) => boolean,
    ms?: number,
  ): Promise<ServerPayload<E>>
  /** All that came, in its order. */
  heard(): readonly Heard[]
  /** All events of this name, in the order in which they came. */
  all<E extends ServerEventName>(name: E): ServerPayload<E>[]
  entries(id: ConversationId): Entry[]
  /** The entry of a message with this text. */
  message(text: string): Promise<Message>
  /** Resolves with the reason when the connection has ended. */
  gone(ms?: number): Promise<string>
  /** Resolves with what the handshake was refused with. */
  refusedWith(): Promise<AckError>
  /** The same, or undefined when it is `ready`. */
  opened(): Promise<AckError | undefined>
  ask<E extends Answered>(event: E, payload: ClientPayload<E>): Promise<AckOf<E>>
  /** Asks, and throws where the answer is no. */
  ok<E extends Answered>(event: E, payload: ClientPayload<E>): Promise<Accepted<E>>
  /** Asks, and throws where the answer is yes. What is asked may be anything. */
  refused(event: string, ...args: unknown[]): Promise<AckError>
  tell(event: Exclude<ClientEventName, Answered>, conversationId: ConversationId): void
  send(conversationId: ConversationId, text: string, clientId?: string): Promise<Message>
  /** When it resolves, all that the server sent to this socket before is here. */
  settled(): Promise<void>
  /** Forgets what was heard. */
  forget(): void
  close(): void
}

const ackMs = 45_000

export function openDevice(
  url: string,
  token: string | undefined,
  shapes: Shapes,
  options: Partial<ManagerOptions & SocketOptions> = {},
): Device {
  const socket: ChatSocket = io(url, {
    transports: ['websocket'],
    auth: token === undefined ? {} : { token },
    forceNew: true,
    reconnection: false,
    ...options,
  })
  const hearing = listen(socket, shapes)
  const { heard, until, first } = hearing
  const refused = first<AckError>('connect_error')
  const all: Device['all'] = (name) =>
    heard.filter((one) => one.name === name).map(({ payload }) => payload as never)
  return {
    ...asking(socket, shapes),
    socket,
    until: (name, fits, ms) => until(name, first(name, fits), ms),
    heard: () => [...heard],
    all,
    entries: (id) => all('entry').filter((entry) => entry.conversationId === id),
    message: (text) =>
      until(`a message "${text}"`, () => {
        const found = all('entry').find((one) => one.kind === 'message' && one.message.text === text)
        return found?.kind === 'message' ? { found: found.message } : undefined
      }),
    gone: (ms) => until('disconnect', first<string>('disconnect'), ms),
    refusedWith: () => until('connect_error', refused),
    opened: () => until('ready', () => refused() ?? (all('ready')[0] && { found: undefined })),
    forget: hearing.forget,
    close: () => void socket.disconnect(),
  }
}

function listen(socket: ChatSocket, shapes: Shapes): Hearing {
  const hearing = createHearing()
  socket.onAny((name: string, payload: unknown) => {
    const contract = Object.hasOwn(serverEvents, name) ? serverEvents[name as ServerEventName] : z.never()
    shapes.check(`server ${name}`, contract, payload)
    hearing.hear(name, payload)
  })
  socket.on('disconnect', (reason) => hearing.hear('disconnect', reason))
  socket.on('connect_error', (error) => hearing.hear('connect_error', (error as { data?: unknown }).data))
  return hearing
}

function asking(
  socket: ChatSocket,
  shapes: Shapes,
): Pick<Device, 'ask' | 'ok' | 'refused' | 'tell' | 'send' | 'settled'> {
  const emit = (event: string, ...args: unknown[]): Promise<unknown> =>
    (socket as Socket).timeout(ackMs).emitWithAck(event, ...args)

  const ask: Device['ask'] = async (event, payload) => {
    const answer = await emit(event, payload)
    checkAck(shapes, event, answer)
    return answer as never
  }
  const ok: Device['ok'] = async (event, payload) => {
    const answer = await ask(event, payload)
    if (!answer.ok) throw new Error(`${event} was refused: ${JSON.stringify(answer.error)}`)
    return answer as never
  }
  return {
    ask,
    ok,
    async refused(event, ...args) {
      const answer = (await emit(event, ...args)) as { ok?: boolean; error?: AckError }
      shapes.check(`ack ${event} refused`, refusal, answer)
      if (answer.ok !== false || !answer.error) throw new Error(`${event} was not refused`)
      return answer.error
    },
    tell(event, conversationId) {
      shapes.note(`client ${event}`)
      socket.emit(event, { conversationId })
    },
    async send(conversationId, text, clientId = crypto.randomUUID()) {
      return (await ok('message:send', { conversationId, clientId, text })).message
    },
    async settled() {
      await ok('sync', { cursors: {} })
    },
  }
}

const refusal = z.object({ ok: z.literal(false), error: ackError })

function checkAck(shapes: Shapes, event: Answered, answer: unknown): void {
  const { ok, ...body } = answer as { ok: boolean }
  if (ok === true) shapes.check(`ack ${event}`, clientEvents[event].ack, body)
  else shapes.check(`ack ${event} refused`, refusal, answer)
}
