import { isDeepStrictEqual } from 'node:util'
import type { LabelsOf, metrics } from '@parley/contracts'
import type { Clock, DocumentStore, Logger, Stored } from '@parley/kit'
import * as documents from './documents.ts'
import { type Attempt, judge, maxAttempts, type Verdict } from './domain/attempt.ts'
import { encryptPush } from './encrypt.ts'
import type { Fitness } from './fitness.ts'
import type { Outbox, OutboxEntry } from './outbox.ts'
import type { Transport } from './push-transport.ts'
import type { SnsChannel } from './sns.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { VapidKeys } from './vapid.ts'

/**
 * One push: owed ──claimed──▶ tried ──▶ sent | ended
 *                     ▲                  │ 429, 5xx, no answer: again later, 5 times at most
 *                     └──────────────────┘
 *
 * At least once, and once in all but these cases: whoever dies between the push and the note of it leaves a claim that
 * runs out, and another tries again. A note before the push would make it at most once: then the same death would mean
 * that nobody is told. A second push does little harm: it carries the same topic and tag, so the push service keeps one
 * of the two while the device is away, and the device shows it in the place of the first. A redelivered event finds the
 * record and adds nothing; a record outlives the time in which its message is pushed at all.
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
  readonly tried: (outcome: PushOutcome) => void
  /** Undefined where this installation has no topic. */
  readonly sns: () => SnsChannel | undefined
}

type PushOutcome = LabelsOf<typeof metrics.pushes.labels>['outcome']

/** A write of unknown outcome is tried again at once: the claim gives us a minute, and the push is out. */
const noteAttempts = 3

export type Courier = ReturnType<typeof createCourier>

export function createCourier(deps: CourierDeps) {
  const { store, clock, logger, outbox, subscriptions, fitness } = deps

  async function attempt(push: documents.OwedPush, to: documents.Subscription): Promise<Attempt> {
    if ('device' in to) {
      const publish = deps.sns()
      if (publish) return publish(push, to)
      // Another replica may know it already, or still.
      return { kind: 'failed', reason: 'this replica knows no SNS topic' }
    }
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
    const grant = first ? fitness.grant(subscriptionId) : 'retries'
    if (grant === 'nothing') return { kind: 'ended', reason: 'fails all the time', gone: false }
    const result = await attempt(push, subscription)
    const attempts = grant === 'once' ? maxAttempts : push.attempts + 1
    const verdict = judge(result, { attempts, validUntil, now: clock.now(), random: Math.random() })
    if (verdict.kind === 'sent') fitness.succeeded(subscriptionId)
    else if (first) fitness.failed(subscriptionId)
    if (verdict.kind === 'ended' && verdict.gone) await subscriptions.forget(userId, subscriptionId)
    return verdict
  }

  /** Only who holds the claim writes: so a record that has changed after an unknown outcome was changed by us. */
  async function note(key: string, stored: Stored<documents.Pushed>, verdict: Verdict): Promise<void> {
    const { value, etag, expiresAt = 0 } = stored
    const next = nextRecord(value, verdict)
    for (let tried = 0; tried < noteAttempts; tried++) {
      const outcome = await store.replace(documents.pushed, key, next, etag, { expiresAt })
      if (outcome === 'replaced') return
      const found = await store.get(documents.pushed, key)
      if (isDeepStrictEqual(found?.value, next)) return
      if (outcome === 'conflict') break
    }
    throw new Error('what became of a push could not be noted')
  }

  /** Carries out a claimed entry. Throws where it must be left to run out. */
  async function carry(entry: OutboxEntry): Promise<void> {
    const stored = await store.get(documents.pushed, entry.key)
    if (stored?.value.state !== 'owed') return outbox.finish(entry)
    const verdict = await deliver(stored.value)
    deps.tried(outcomeOf(verdict))
    await note(entry.key, stored, verdict)
    const { userId, subscriptionId } = stored.value
    if (verdict.kind === 'ended')
      logger.info({ userId, subscriptionId, reason: verdict.reason }, 'a push was given up')
    await outbox.finish(entry, verdict.kind === 'again' ? verdict.at : undefined)
  }

  return carry
}

function outcomeOf(verdict: Verdict): PushOutcome {
  if (verdict.kind === 'ended') return verdict.gone ? 'gone' : 'given_up'
  return verdict.kind === 'again' ? 'tried_again' : 'sent'
}

/** Without the payload once it is over: what people wrote is kept where it must be, and nowhere else. */
function nextRecord(value: documents.Pushed, verdict: Verdict): documents.Pushed {
  if (verdict.kind === 'sent') return { state: 'sent' }
  if (verdict.kind === 'ended') return { state: 'ended', reason: verdict.reason }
  return value.state === 'owed' ? { ...value, attempts: value.attempts + 1 } : value
}
