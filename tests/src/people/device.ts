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
import type { Shapes } from './shapes.ts'

type Answered = {
  [E in ClientEventName]: (typeof clientEvents)[E]['ack'] extends z.ZodType ? E : never
}[ClientEventName]
type Accepted<E extends Answered> = Extract<AckOf<E>, { ok: true }>

export interface Heard {
  readonly name: string
  readonly payload: unknown
}

/** One Socket.IO connection of somebody: it remembers all that it hears, so that a test waits for facts in any order. */
export interface Device {
  readonly socket: Socket<ServerToClient, ClientToServer>
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

/** How long a fact may take on a busy machine. */
export const patienceMs = 30_000
const ackMs = 45_000

export function openDevice(
  url: string,
  token: string | undefined,
  shapes: Shapes,
  options: Partial<ManagerOptions & SocketOptions> = {},
): Device {
  const socket: Socket<ServerToClient, ClientToServer> = io(url, {
    transports: ['websocket'],
    auth: token === undefined ? {} : { token },
    forceNew: true,
    reconnection: false,
    ...options,
  })
  const heard: Heard[] = []
  const waiting = new Set<() => void>()
  const hear = (name: string, payload: unknown) => {
    heard.push({ name, payload })
    for (const look of [...waiting]) look()
  }
  socket.onAny((name: string, payload: unknown) => {
    const contract = Object.hasOwn(serverEvents, name) ? serverEvents[name as ServerEventName] : z.never()
    shapes.check(`server ${name}`, contract, payload)
    hear(name, payload)
  })
  socket.on('disconnect', (reason) => hear('disconnect', reason))
  socket.on('connect_error', (error) => hear('connect_error', (error as Error & { data?: unknown }).data))

  function first<T>(what: string, find: () => { found: T } | undefined, ms = patienceMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer)
        waiting.delete(look)
        settle()
      }
      const timer = setTimeout(() => end(() => reject(new Error(missing(what, ms, heard)))), ms)
      const look = () => {
        const hit = find()
        if (hit) end(() => resolve(hit.found))
      }
      waiting.add(look)
      look()
    })
  }

  const find = (name: string, fits: (payload: never) => boolean) => () => {
    const hit = heard.find((one) => one.name === name && fits(one.payload as never))
    return hit && { found: hit.payload }
  }

  const refusedHandshake = find('connect_error', () => true) as () => { found: AckError } | undefined
  const emit = (event: string, ...args: unknown[]): Promise<unknown> =>
    (socket as Socket).timeout(ackMs).emitWithAck(event, ...args)

  const device: Device = {
    socket,
    until: (name, fits = () => true, ms) =>
      first(name, find(name, fits) as () => { found: never } | undefined, ms),
    heard: () => [...heard],
    all: (name) => heard.filter((one) => one.name === name).map(({ payload }) => payload as never),
    entries: (id) => device.all('entry').filter((entry) => entry.conversationId === id),
    async message(text) {
      const entry = await device.until('entry', (one) => one.kind === 'message' && one.message.text === text)
      if (entry.kind !== 'message') throw new TypeError('not a message')
      return entry.message
    },
    gone: (ms) =>
      first('disconnect', find('disconnect', () => true) as () => { found: string } | undefined, ms),
    refusedWith: () => first('connect_error', refusedHandshake),
    opened: () =>
      first('ready', () => refusedHandshake() ?? (device.all('ready')[0] && { found: undefined })),
    async ask(event, payload) {
      const answer = await emit(event, payload)
      checkAck(shapes, event, answer)
      return answer as never
    },
    async ok(event, payload) {
      const answer = await device.ask(event, payload)
      if (!answer.ok) throw new Error(`${event} was refused: ${JSON.stringify(answer.error)}`)
      return answer as never
    },
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
      return (await device.ok('message:send', { conversationId, clientId, text })).message
    },
    async settled() {
      await device.ok('sync', { cursors: {} })
    },
    forget: () => void heard.splice(0),
    close: () => void socket.disconnect(),
  }
  return device
}

const refusal = z.object({ ok: z.literal(false), error: ackError })

function checkAck(shapes: Shapes, event: Answered, answer: unknown): void {
  const { ok, ...body } = answer as { ok: boolean }
  if (ok === true) shapes.check(`ack ${event}`, clientEvents[event].ack, body)
  else shapes.check(`ack ${event} refused`, refusal, answer)
}

function missing(what: string, ms: number, heard: readonly Heard[]): string {
  const lines = heard.slice(-40).map(({ name, payload }) => `  ${name} ${JSON.stringify(payload)}`)
  return `"${what}" did not come within ${ms} ms. The last that came:\n${lines.join('\n')}`
}
