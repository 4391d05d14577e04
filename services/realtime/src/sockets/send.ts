import { type ErrorCode, limits, type Message, type UserId } from '@parley/contracts'
import { ChatError, type Clock, isErrorCode } from '@parley/kit'
import type { Batcher, BatchOutcome } from '../batches/outcome.ts'
import { createThrottle, type Throttle } from '../rates/throttle.ts'
import type { Watch } from '../watch.ts'
import type { PayloadOf } from './dispatch.ts'
import type { Arrival, Refusal } from './send-gate.ts'
import type { ChatSocket } from './types.ts'

/**
 * `message:send`: gate (order of the socket) → throttle (rate of the person) → gate again → batcher → acknowledgement.
 * Whether the sender is a member is decided by `messages` alone: rooms here may be behind.
 */
export interface Sends {
  send(socket: ChatSocket, payload: PayloadOf<'message:send'>): Promise<{ message: Message }>
  /** Forgets people whose rate has recovered. */
  sweep(): void
  /** Taken and not answered yet. */
  pending(): number
  close(): void
}

const rate = { perSecond: limits.messagesPerSecond, burst: limits.messageBurst }

export function createSends(deps: {
  clock: Clock
  batcher: Batcher
  rateLimits: boolean
  draining: () => boolean
  watch: Pick<Watch, 'sendTaken'>
}): Sends {
  const { clock, batcher } = deps
  const throttles = new Map<UserId, Throttle>()
  let pending = 0

  function throttleOf(userId: UserId): Throttle {
    const throttle = throttles.get(userId) ?? createThrottle({ clock, rate, queued: limits.messagesQueued })
    throttles.set(userId, throttle)
    return throttle
  }

  /** Resolves in this send's turn. */
  function turn(userId: UserId): Promise<void> | undefined {
    if (!deps.rateLimits) return undefined
    let begin = () => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const refused = throttleOf(userId).run(begin)
    if (refused) {
      throw new ChatError('rate_limited', {
        detail: `At most ${rate.perSecond} messages per second, and ${limits.messagesQueued} waiting`,
        retryAfterMs: refused.refusedForMs,
      })
    }
    return begun
  }

  async function submit(
    { data: { userId, gate } }: ChatSocket,
    { conversationId, ...draft }: PayloadOf<'message:send'>,
    arrival: Arrival,
  ): Promise<{ message: Message }> {
    const pass = () => {
      const refusal = gate.refusal(arrival)
      if (refusal) throw refused(refusal)
    }
    pass()
    if (deps.draining()) throw new ChatError('overloaded', { retryAfterMs: 1_000 })
    const waiting = turn(userId)
    if (waiting) {
      await waiting
      // Meanwhile an earlier one may have been turned away.
      pass()
    }
    const submittedAt = new Date(clock.now()).toISOString()
    const command = { kind: 'message' as const, senderId: userId, submittedAt, ...draft }
    return { message: messageOf(await batcher.submit(conversationId, command)) }
  }

  return {
    async send(socket, payload) {
      const { gate } = socket.data
      const { conversationId, clientId } = payload
      const arrival = { conversationId, clientId, place: gate.arrive() }
      pending += 1
      const watched = deps.watch.sendTaken()
      try {
        const answer = await submit(socket, payload, arrival)
        watched.stored()
        return answer
      } catch (error) {
        watched.failed(error)
        if (error instanceof ChatError && error.retryAfterMs !== undefined) {
          gate.shut(arrival, refusalAfter(error))
        }
        throw error
      } finally {
        pending -= 1
      }
    },
    sweep() {
      for (const [userId, throttle] of throttles) if (throttle.isIdle()) throttles.delete(userId)
    },
    pending: () => pending,
    close() {
      for (const throttle of throttles.values()) throttle.close()
    },
  }
}

const refused = ({ code, retryAfterMs }: Refusal) =>
  new ChatError(code, { retryAfterMs, detail: 'An earlier message of yours must be sent again first' })

const refusalAfter = ({ code, retryAfterMs = 0 }: ChatError): Refusal => ({
  code: code === 'rate_limited' ? 'rate_limited' : 'overloaded',
  retryAfterMs,
})

function messageOf(outcome: BatchOutcome): Message {
  if ('stored' in outcome) {
    if (outcome.stored.kind === 'message') return outcome.stored.message
    throw new ChatError('internal', { cause: new Error('a message became another kind of entry') })
  }
  if ('rejected' in outcome) {
    const { code, message } = outcome.rejected
    throw new ChatError(isErrorCode(code) ? code : 'internal', { detail: message })
  }
  const code: ErrorCode = outcome.failed
  throw new ChatError(code, outcome.retryAfterMs === undefined ? {} : { retryAfterMs: outcome.retryAfterMs })
}
