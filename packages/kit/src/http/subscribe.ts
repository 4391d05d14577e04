import type { IncomingMessage, ServerResponse } from 'node:http'
import { type EventContract, metrics as names } from '@parley/contracts'
import type { RequestHandler } from 'express'
import { z } from 'zod'
import { ChatError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { comesFromBroker } from './access.ts'
import type { HttpApp } from './app.ts'
import { internalBodyBytes } from './body.ts'

/** The event is refused for good: it goes to the dead letter topic, and trying again would not help. */
export interface Reject {
  readonly reject: string
}
export const reject = (reason: string): Reject => ({ reject: reason })

/** What became of an event. A throw is the third outcome: the broker brings it again. */
export type Outcome = 'done' | Reject

/** The CloudEvent around an event's data, as far as it matters. */
const cloudEvent = z.looseObject({
  id: z.string().default(''),
  topic: z.string().default(''),
  data: z.unknown(),
})
export type CloudEvent = z.output<typeof cloudEvent>

export interface EventContext {
  readonly id: string
  readonly logger: Logger
  /** As it came: for who keeps dead letters, whose `topic` is the one that they were published to. */
  readonly event: CloudEvent
}

/** The path that a subscription's events come to. */
export const eventPath = (topic: string): string => `/events/${topic}`

/** What serves the events that come to a path. Never rejects. */
export type EventHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Serves the events of a topic. daprd takes 404 for "drop it", and every other error for "again": so each outcome is
 * spelled out here, and the table of HTTP errors never sees an event.
 */
export function subscribe<S extends z.ZodType>(
  http: HttpApp,
  event: EventContract<S>,
  fn: (data: z.output<S>, context: EventContext) => Promise<Outcome>,
): void {
  const { logger, metrics } = http.options
  const { topic } = event
  const count = (outcome: 'done' | 'refused' | 'failed') => metrics?.count(names.events, { topic, outcome })

  const decide = async (body: unknown): Promise<Outcome> => {
    const envelope = cloudEvent.safeParse(body)
    if (!envelope.success) return reject('is not a CloudEvent')
    const parsed = event.data.safeParse(unwrap(envelope.data.data))
    if (!parsed.success) return reject(`does not fit its contract: ${z.prettifyError(parsed.error)}`)
    const happenedAt = event.happenedAt?.(parsed.data)
    if (happenedAt !== undefined) {
      // The clocks of two machines never agree.
      const ms = Math.max(0, Date.now() - Date.parse(happenedAt))
      http.lag.saw(topic, ms)
      metrics?.observe(names.eventLagSeconds, ms / 1_000, { topic })
    }
    return fn(parsed.data, { id: envelope.data.id, logger, event: envelope.data })
  }

  http.events.set(eventPath(topic), async (request, response) => {
    let id: unknown
    try {
      const body = await readJson(request)
      id = (body as { id?: unknown } | null | undefined)?.id
      const outcome = await decide(body)
      count(outcome === 'done' ? 'done' : 'refused')
      if (outcome === 'done') return answer(response, 200, 'SUCCESS')
      logger.warn({ topic, id, reason: outcome.reject }, 'an event was refused')
      answer(response, 200, 'DROP')
    } catch (error) {
      count('failed')
      logger.warn({ topic, id, err: error }, 'an event failed and comes again')
      answer(response, 500, 'RETRY')
    }
  })
}

/** Undefined where it is no JSON, or too much of it: it will not be another the next time. Rejects where it breaks off. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= internalBodyBytes) chunks.push(chunk)
  }
  if (bytes > internalBodyBytes) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

/** Whoever may call us through their sidecar may still not pass for the broker. */
export const onlyFromBroker: RequestHandler = (request, _response, next) => {
  if (!comesFromBroker(request)) throw new ChatError('forbidden')
  next()
}

/** A topic that this version does not know, while another one is being rolled out, say: 404 would drop its events. */
export const answerUnknownTopic =
  (logger: Logger): RequestHandler =>
  (request, response) => {
    logger.error({ path: request.originalUrl }, 'nobody here handles this topic')
    answer(response, 500, 'RETRY')
  }

/** Data that was published without a JSON content type comes as a string. */
function unwrap(data: unknown): unknown {
  if (typeof data !== 'string') return data
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

function answer(response: ServerResponse, status: number, outcome: 'SUCCESS' | 'DROP' | 'RETRY'): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.end(`{"status":"${outcome}"}`)
}
