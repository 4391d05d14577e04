import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventContract, Presence, UserId } from '@parley/contracts'
import { ChatError, createLogger, type DocumentStore, type Sidecar } from '@parley/kit'
import type { z } from 'zod'
import { createPresenceApp } from '../app.ts'
import type { TestClock } from './clock.ts'

export interface World {
  readonly clock: TestClock
  readonly store: DocumentStore
  /** What was published, by whichever replica, in order. */
  readonly published: Presence[]
  /** How many of the next publishes fail. */
  failures: number
  /** Who shares a conversation with anybody. */
  readonly acquainted: Set<string>
}

export interface Replica {
  readonly round: () => Promise<void>
  /** The HTTP status: 200 done, 500 comes again. */
  event<S extends z.ZodType>(event: EventContract<S>, data: z.input<S>): Promise<number>
  request(
    method: string,
    path: string,
    options?: { as?: string; body?: unknown; from?: string },
  ): Promise<Answer>
  close(): Promise<void>
}
interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
  readonly body: any
}

/** A replica of the service behind a real port; the sidecar and the store are those of the world. */
export async function startReplica(world: World): Promise<Replica> {
  const sidecar = {
    async publish(_event: unknown, data: { items: Presence[] }) {
      if (world.failures > 0) {
        world.failures--
        throw new ChatError('unavailable')
      }
      world.published.push(...data.items)
    },
    invoke: async (_route: unknown, { body }: { body: { userIds: UserId[] } }) => ({
      userIds: body.userIds.filter((id) => world.acquainted.has(id)),
    }),
    check: async () => 'ok',
    describe: async () => ({ version: '1.18.0', components: [] }),
  } as unknown as Pick<Sidecar, 'publish' | 'invoke' | 'check' | 'describe'>
  const { http, round } = createPresenceApp({
    version: '0.0.0',
    logger: createLogger('presence', 'silent'),
    clock: world.clock,
    store: world.store,
    sidecar,
    verifyToken: async (token) => ({ userId: token as UserId, sessionId: 's' as never }),
  })
  const server: Server = createServer(http)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    round,
    async event(event, data) {
      const response = await fetch(`${origin}/events/${event.topic}`, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify({ id: 'e', topic: event.topic, data }),
      })
      await response.arrayBuffer()
      return response.status
    },
    async request(method, path, { as, body, from } = {}) {
      const response = await fetch(origin + path, {
        method,
        headers: {
          ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
          ...(from === undefined ? {} : { 'dapr-caller-app-id': from }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
