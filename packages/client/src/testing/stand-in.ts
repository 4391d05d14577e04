import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ConversationId, Entry, ServerToClient } from '@parley/contracts'
import { type Faults, noFaults } from './faults.ts'
import { createAccounts } from './stand-in-accounts.ts'
import { createHttpSide } from './stand-in-http.ts'
import { createRooms, type Rooms } from './stand-in-rooms.ts'
import { createSocketSide } from './stand-in-sockets.ts'

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
  /** The log is as it was at `head`: what came later is lost. */
  restore(conversationId: ConversationId, head: number): void
  /** How often this route was called. */
  requests(routeId: string): number
  close(): Promise<void>
}

export async function startStandIn(): Promise<StandIn> {
  let faults = noFaults
  let counter = 0
  let time = Date.now()
  // Times that differ, so that "latest first" is decided.
  const now = () => {
    time = Math.max(Date.now(), time + 1)
    return new Date(time).toISOString()
  }
  const newId = (kind: string) => `${kind}${++counter}`

  const http = createServer((request, response) => void httpSide.answer(request, response))
  const accounts = createAccounts({ now, newId })
  const rooms: Rooms = createRooms({
    now,
    newId,
    onEntry: (room, entry) => sockets.deliver(room, entry),
    onAdded: (room, userIds) => sockets.tellAdded(room, userIds),
  })
  const sockets = createSocketSide(http, { accounts, rooms, faults: () => faults, now })
  const httpSide = createHttpSide({ accounts, rooms, faults: () => faults, presenceOf: sockets.presenceOf })

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    set faults(next: Partial<Faults>) {
      faults = { ...noFaults, ...next }
    },
    log: (conversationId) => rooms.get(conversationId)?.log ?? [],
    cut: sockets.cut,
    tell: sockets.tell,
    expireTokens: accounts.expireTokens,
    tellHeads: sockets.tellHeads,
    raiseFloor(conversationId, floor) {
      const room = rooms.get(conversationId)
      if (room) room.floor = floor
    },
    restore(conversationId, head) {
      rooms.get(conversationId)?.log.splice(head)
    },
    requests: httpSide.requests,
    close: () => sockets.close(),
  }
}
