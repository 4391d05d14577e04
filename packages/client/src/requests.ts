import { ackError, type ClientEventName, type ClientPayload, clientEvents } from '@parley/contracts'
import { z } from 'zod'
import { type ClientErrorCode, ParleyError } from './errors.ts'
import type { ChatSocket, Clock } from './ports.ts'

type Answered = {
  [E in ClientEventName]: (typeof clientEvents)[E]['ack'] extends z.ZodType ? E : never
}[ClientEventName]
type AckBody<E extends ClientEventName> = z.output<(typeof clientEvents)[E]['ack'] & z.ZodType>

const refusal = z.object({ ok: z.literal(false), error: ackError })

/** Socket events that take an acknowledgement, as promises. Those in flight reject with `network` when the socket goes. */
export interface Requests {
  open(socket: ChatSocket): void
  close(): void
  /** Grows with each connection and its end. */
  generation(): number
  ask<E extends Answered>(event: E, payload: ClientPayload<E>, timeoutMs: number): Promise<AckBody<E>>
  tell<E extends Exclude<ClientEventName, Answered>>(event: E, payload: ClientPayload<E>): void
}

export function createRequests(deps: { clock: Clock }): Requests {
  let socket: ChatSocket | undefined
  let generation = 0
  const pending = new Set<(error: ParleyError) => void>()

  return {
    open: (opened) => {
      socket = opened
      generation++
    },
    generation: () => generation,
    close() {
      socket = undefined
      generation++
      for (const reject of [...pending]) reject(new ParleyError('network', 'The connection was lost'))
    },
    tell: (event, payload) => socket?.emit(event, payload),
    ask(event, payload, timeoutMs) {
      const target = socket
      if (!target) return Promise.reject(new ParleyError('network', 'There is no connection'))
      return new Promise((resolve, reject) => {
        const end = () => {
          timer.cancel()
          pending.delete(fail)
        }
        const fail = (error: ParleyError) => {
          end()
          reject(error)
        }
        const timer = deps.clock.setTimeout(
          () => fail(new ParleyError('network', `${event}: no answer`)),
          timeoutMs,
        )
        pending.add(fail)
        target.emit(event, payload, (answer) => {
          end()
          try {
            resolve(readAck(event, answer))
          } catch (error) {
            reject(error)
          }
        })
      })
    },
  }
}

function readAck<E extends Answered>(event: E, answer: unknown): AckBody<E> {
  const refused = refusal.safeParse(answer)
  if (refused.success) {
    const { code, message, retryAfterMs } = refused.data.error
    throw new ParleyError(code as ClientErrorCode, message, { retryAfterMs })
  }
  const parsed = (clientEvents[event].ack as z.ZodType).safeParse(answer)
  if (parsed.success) return parsed.data as AckBody<E>
  throw new ParleyError('bad_answer', `${event}: ${parsed.error.message}`, { cause: parsed.error })
}
