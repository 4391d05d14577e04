import type { Clock, DocumentStore, Logger, Stored } from '@parley/kit'
import * as documents from './documents.ts'
import { type Attempt, judge, type Verdict } from './domain/attempt.ts'
import { encryptPush } from './encrypt.ts'
import type { Fitness } from './fitness.ts'
import type { Outbox, OutboxEntry } from './outbox.ts'
import type { Transport } from './push-transport.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { VapidKeys } from './vapid.ts'

/**
 * One push: owed ──claimed──▶ tried ──▶ sent | ended
 *                     ▲                  │ 429, 5xx, no answer: again later, 5 times at most
 *                     └──────────────────┘
 *
 * The claim lies in the outbox, the outcome in the record. A redelivered event finds the record and adds nothing, so
 * it never doubles a push. Whoever dies between the push and the note of it leaves a claim that runs out, and another
 * tries again: rather a second push, which the device shows in the place of the first because of its tag, than none.
 */
export interface CourierDeps {
  readonly store: DocumentStore
  readonly clock: Clock
  readonly logger: Logger
  readonly outbox: Outbox
  readonly subscriptions: Subscriptions
  readonly fitness: Fitness
  readonly transport: Transport
  readonly keys: () => Promise<VapidKeys>
  readonly contact: string
}

export type Courier = ReturnType<typeof createCourier>

export function createCourier(deps: CourierDeps) {
  const { store, clock, logger, outbox, subscriptions, fitness } = deps

  async function attempt(push: documents.OwedPush, to: documents.Subscription): Promise<Attempt> {
    const ttlSeconds = Math.max(0, Math.floor((push.validUntil - clock.now()) / 1_000))
    const { contact } = deps
    const keys = await deps.keys()
    let request: ReturnType<typeof encryptPush>
    try {
      request = encryptPush(to, push.payload, { keys, contact, ttlSeconds, topic: push.topic })
    } catch (error) {
      return { kind: 'refused', reason: `the subscription's keys are not usable: ${error}` }
    }
    return deps.transport(request)
  }

  async function deliver(push: documents.OwedPush): Promise<Verdict> {
    const { userId, subscriptionId, validUntil } = push
    if (clock.now() >= validUntil) return { kind: 'ended', reason: 'too old', gone: false }
    const subscription = await subscriptions.find(userId, subscriptionId)
    if (subscription === undefined) return { kind: 'ended', reason: 'unsubscribed', gone: false }
    const first = push.attempts === 0
    if (first && !fitness.mayTry(subscriptionId))
      return { kind: 'ended', reason: 'fails all the time', gone: false }
    const result = await attempt(push, subscription)
    const attempts = push.attempts + 1
    const verdict = judge(result, { attempts, validUntil, now: clock.now(), random: Math.random() })
    if (verdict.kind === 'sent') fitness.succeeded(subscriptionId)
    else if (first) fitness.failed(subscriptionId)
    if (verdict.kind === 'ended' && verdict.gone) await subscriptions.forget(userId, subscriptionId)
    return verdict
  }

  async function note(
    key: string,
    { value, etag, expiresAt = 0 }: Stored<documents.Pushed>,
    verdict: Verdict,
  ): Promise<void> {
    const next = nextRecord(value, verdict)
    // Only who holds the claim writes: what is not certain here is seen again when the claim runs out.
    const outcome = await store.replace(documents.pushed, key, next, etag, { expiresAt })
    if (outcome !== 'replaced') throw new Error(`the record of a push could not be written: ${outcome}`)
  }

  /** Carries out a claimed entry. Throws where it must be left to run out. */
  async function carry(entry: OutboxEntry): Promise<void> {
    const stored = await store.get(documents.pushed, entry.key)
    if (stored?.value.state !== 'owed') return outbox.finish(entry)
    const verdict = await deliver(stored.value)
    await note(entry.key, stored, verdict)
    const { userId, subscriptionId } = stored.value
    if (verdict.kind === 'ended')
      logger.info({ userId, subscriptionId, reason: verdict.reason }, 'a push was given up')
    await outbox.finish(entry, verdict.kind === 'again' ? verdict.at : undefined)
  }

  return carry
}

/** Without the payload once it is over: what people wrote is kept where it must be, and nowhere else. */
function nextRecord(value: documents.Pushed, verdict: Verdict): documents.Pushed {
  if (verdict.kind === 'sent') return { state: 'sent' }
  if (verdict.kind === 'ended') return { state: 'ended', reason: verdict.reason }
  return value.state === 'owed' ? { ...value, attempts: value.attempts + 1 } : value
}
