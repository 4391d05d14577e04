import { setTimeout as delay } from 'node:timers/promises'
import { type CallInput, type Chat, type ChatOptions, createChat } from '@parley/client'
import {
  type AnswerOf,
  type Conversation,
  type ConversationId,
  createConversation,
  type Entry,
  type ErrorCode,
  errorCatalogue,
  getEntries,
  getHistory,
  login,
  type Message,
  type RouteContract,
  register,
  type Tokens,
  type UserId,
} from '@parley/contracts'
import type { ManagerOptions, SocketOptions } from 'socket.io-client'
import { callApi, Refused } from './api.ts'
import { type Device, openDevice } from './device.ts'
import type { Shapes } from './shapes.ts'

/** The system as people reach it. */
export interface Door {
  readonly url: string
  readonly shapes: Shapes
  /** What people have opened here, to be closed when a test ends, however it ends. */
  readonly open: Set<() => void>
}

export const createDoor = (url: string, shapes: Shapes): Door => ({ url, shapes, open: new Set() })

export function leave({ open }: Door): void {
  for (const close of open) close()
  open.clear()
}

/** Somebody who has registered. */
export interface Person {
  readonly id: UserId
  readonly name: string
  readonly password: string
  readonly tokens: Tokens
  /** Throws `Refused`. */
  call<R extends RouteContract>(route: R, input?: CallInput<R>): Promise<AnswerOf<R>>
  /** The code that the call is refused with; throws where it is not. */
  refused<R extends RouteContract>(route: R, input?: CallInput<R>): Promise<ErrorCode>
  /** Calls until there is an answer other than "try again". */
  insist<R extends RouteContract>(route: R, input?: CallInput<R>): Promise<AnswerOf<R>>
  /** Another session. */
  login(): Promise<Person>
  /** A plain Socket.IO client, at this door or another, when it is `ready`. */
  device(options?: Partial<ManagerOptions & SocketOptions>, door?: Door): Promise<Device>
  /** The same, without waiting for anything. */
  open(options?: Partial<ManagerOptions & SocketOptions>, door?: Door): Device
  /** `@parley/client`, signed in and connecting. */
  chat(options?: Partial<ChatOptions>, door?: Door): Promise<Chat>
  group(title: string, members: readonly Person[]): Promise<Conversation>
  direct(other: Person): Promise<Conversation>
  /** The whole history, page by page. */
  history(id: ConversationId): Promise<Message[]>
  /** The whole log, page by page. */
  log(id: ConversationId): Promise<Entry[]>
}

const password = 'correct horse battery'

export async function signUp(door: Door, name: string): Promise<Person> {
  const body = { username: `${name}-${crypto.randomUUID().slice(0, 8)}`, password, displayName: name }
  return personOf(door, name, (await insist(() => callApi(door, register, { body }))).body)
}

function personOf(door: Door, name: string, tokens: Tokens): Person {
  const call: Person['call'] = (route, input) => callApi(door, route, input, tokens.accessToken)
  const body = { username: tokens.user.username, password }
  const person: Person = {
    id: tokens.user.id,
    name,
    password,
    tokens,
    call,
    insist: (route, input) => insist(() => call(route, input)),
    refused: (route, input) =>
      call(route, input).then(
        ({ status }) => {
          throw new Error(`${route.id} was not refused but answered ${status}`)
        },
        (error) => {
          if (error instanceof Refused) return error.code
          throw error
        },
      ),
    login: async () => personOf(door, name, (await callApi(door, login, { body })).body),
    open(options, { url, open } = door) {
      const device = openDevice(url, tokens.accessToken, door.shapes, options)
      open.add(device.close)
      return device
    },
    async device(options, at = door) {
      for (let tried = 1; ; tried++) {
        const device = person.open(options, at)
        const refused = await device.opened()
        if (refused === undefined) return device
        device.close()
        if (refused.code !== 'unavailable' || tried === attempts) throw new Refused('the handshake', refused)
        await delay(500)
      }
    },
    async chat(options, { url, open } = door) {
      const chat = createChat({ url, ...options })
      open.add(chat.disconnect)
      await insist(() => chat.login(body))
      chat.connect()
      return chat
    },
    group: (title, members) => start(person, { kind: 'group', title, memberIds: idsOf(members) }),
    direct: (other) => start(person, { kind: 'direct', memberIds: [other.id] }),
    history: (id) => historyOf(person, id),
    log: (id) => logOf(person, id),
  }
  return person
}

const idsOf = (people: readonly Person[]) => people.map(({ id }) => id)

async function start(
  person: Person,
  body: { kind: 'group' | 'direct'; title?: string; memberIds: UserId[] },
): Promise<Conversation> {
  const clientId = crypto.randomUUID()
  return (await person.insist(createConversation, { body: { ...body, clientId } })).body
}

async function historyOf(person: Person, conversationId: ConversationId): Promise<Message[]> {
  const messages: Message[] = []
  for (let before: number | undefined; ; ) {
    const query = before === undefined ? { limit: 200 } : { limit: 200, before }
    const { body } = await person.insist(getHistory, { params: { conversationId }, query })
    messages.unshift(...body.items)
    if (!body.hasMore) return messages
    before = body.fromSeq
  }
}

async function logOf(person: Person, conversationId: ConversationId): Promise<Entry[]> {
  const entries: Entry[] = []
  for (;;) {
    const query = { after: entries.at(-1)?.seq ?? 0, limit: 200 }
    const { body } = await person.insist(getEntries, { params: { conversationId }, query })
    entries.push(...body.items)
    if (!body.hasMore) return entries
  }
}

const attempts = 60

/** Again after every error that says so, and after none at all (the connection broke). */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call()
    } catch (error) {
      const code = (error as { code?: unknown }).code
      const known = typeof code === 'string' && Object.hasOwn(errorCatalogue, code)
      if ((known && !errorCatalogue[code as ErrorCode].retry) || tried === attempts) throw error
      await delay(Math.min(1_000, 20 * 2 ** tried))
    }
  }
}
