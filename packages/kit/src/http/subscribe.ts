import type { EventContract } from '@parley/contracts'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { z } from 'zod'
import { ChatError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { callerHeader } from './access.ts'
import type { HttpApp } from './app.ts'
import { internalBody } from './body.ts'
import { toChatError } from './errors.ts'

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

/**
 * Serves the events of a topic. daprd takes 404 for "drop it", and every other error for "again": so each outcome is
 * spelled out here, and the table of HTTP errors never sees an event.
 */
export function subscribe<S extends z.ZodType>(
  http: HttpApp,
  event: EventContract<S>,
  fn: (data: z.output<S>, context: EventContext) => Promise<Outcome>,
): void {
  const { logger } = http.options
  const { topic } = event

  const decide = async (body: unknown): Promise<Outcome> => {
    const envelope = cloudEvent.safeParse(body)
    if (!envelope.success) return reject('is not a CloudEvent')
    const parsed = event.data.safeParse(unwrap(envelope.data.data))
    if (!parsed.success) return reject(`does not fit its contract: ${z.prettifyError(parsed.error)}`)
    return fn(parsed.data, { id: envelope.data.id, logger, event: envelope.data })
  }

  const refuse = (id: unknown, reason: string, response: Response): void => {
    logger.warn({ topic, id, reason }, 'an event was refused')
    answer(response, 200, 'DROP')
  }

  http.express.post(
    eventPath(topic),
    onlyFromBroker,
    internalBody,
    async (request: Request, response: Response) => {
      try {
        const outcome = await decide(request.body)
        if (outcome === 'done') answer(response, 200, 'SUCCESS')
        else refuse(request.body?.id, outcome.reject, response)
      } catch (error) {
        logger.warn({ topic, id: request.body?.id, err: error }, 'an event failed and comes again')
        answer(response, 500, 'RETRY')
      }
    },
    // A body that cannot be read will not be another one the next time.
    (error: unknown, _request: Request, response: Response, next: NextFunction) => {
      const { code, status } = toChatError(error)
      if (status === 400 || status === 413) refuse(undefined, code, response)
      else next(error)
    },
  )
}

/** Whoever may call us through their sidecar may still not pass for the broker. */
const onlyFromBroker: RequestHandler = (request, _response, next) => {
  if (request.headers[callerHeader] !== undefined) throw new ChatError('forbidden')
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

function answer(response: Response, status: number, outcome: 'SUCCESS' | 'DROP' | 'RETRY'): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.end(`{"status":"${outcome}"}`)
}
