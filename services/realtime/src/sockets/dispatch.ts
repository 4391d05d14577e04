import { type AckError, type ClientEventName, clientEvents, limits } from '@parley/contracts'
import { ChatError, type Clock, type Logger } from '@parley/kit'
import type { z } from 'zod'
import { fullBucket, type Rate, takeToken } from '../rates/token-bucket.ts'
import { tooLarge } from './bounded-parser.ts'
import type { ChatSocket } from './types.ts'

export type PayloadOf<E extends ClientEventName> = z.output<(typeof clientEvents)[E]['payload']>
type AnswerOf<E extends ClientEventName> = (typeof clientEvents)[E]['ack'] extends z.ZodType
  ? z.output<(typeof clientEvents)[E]['ack'] & z.ZodType>
  : undefined

/** One function per client event: gets what was parsed, returns what the acknowledgement holds, or throws ChatError. */
export type Handlers = {
  readonly [E in ClientEventName]: (
    socket: ChatSocket,
    payload: PayloadOf<E>,
  ) => Promise<AnswerOf<E>> | AnswerOf<E>
}

/** Requests of one socket under way, without sends, which have a queue of their own; more are `overloaded`. */
const mostUnderWay = 32

/**
 * Parses what a socket sends, calls the handler and answers. Whatever comes, unknown, malformed, too large or failing,
 * is answered where there is an acknowledgement, and ends neither the connection nor the process.
 */
export function dispatch(options: {
  socket: ChatSocket
  handlers: Handlers
  clock: Clock
  logger: Logger
  /** Of all events but sends, which have theirs. Undefined: no rate. */
  rate: Rate | undefined
}): void {
  const { socket, handlers, clock, logger, rate } = options
  let bucket = rate && fullBucket(rate, clock.now())
  let underWay = 0

  function admit(name: ClientEventName): void {
    if (name === 'message:send') return
    if (rate && bucket) {
      const taken = takeToken(bucket, rate, clock.now())
      bucket = taken.bucket
      if (taken.waitMs > 0) {
        throw new ChatError('rate_limited', {
          detail: `At most ${rate.perSecond} events per second`,
          retryAfterMs: taken.waitMs,
        })
      }
    }
    if (underWay >= mostUnderWay) throw new ChatError('overloaded', { retryAfterMs: 1_000 })
  }

  async function run(name: string, payload: unknown): Promise<object> {
    if (!isClientEvent(name)) throw new ChatError('invalid_body', { detail: 'There is no such event' })
    admit(name)
    const parsed = parse(name, payload)
    const counted = name === 'message:send' ? 0 : 1
    underWay += counted
    try {
      return (
        (await (handlers[name] as (socket: ChatSocket, payload: unknown) => unknown)(socket, parsed)) ?? {}
      )
    } finally {
      underWay -= counted
    }
  }

  socket.onAny((name: string, ...args: unknown[]) => {
    const last = args.at(-1)
    const acknowledge = typeof last === 'function' ? (last as (answer: object) => void) : undefined
    const payload = args[0] === acknowledge ? undefined : args[0]
    run(name, payload).then(
      (answer) => acknowledge?.({ ok: true, ...answer }),
      (error) => acknowledge?.({ ok: false, error: toAckError(error, name, logger) }),
    )
  })
}

const isClientEvent = (name: string): name is ClientEventName => Object.hasOwn(clientEvents, name)

function parse(name: ClientEventName, payload: unknown): unknown {
  if (payload === tooLarge) {
    throw new ChatError('body_too_large', {
      detail: `A packet has at most ${limits.socketPacketBytes} bytes`,
    })
  }
  const result = clientEvents[name].payload.safeParse(payload)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const path = issue?.path.join('.')
  throw new ChatError('invalid_body', {
    detail: path ? `${path}: ${issue?.message}` : (issue?.message ?? 'not valid'),
  })
}

function toAckError(error: unknown, event: string, logger: Logger): AckError {
  if (error instanceof ChatError) return error.toAckError()
  logger.error({ err: error, event }, 'a socket event failed')
  return new ChatError('internal').toAckError()
}
