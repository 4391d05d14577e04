import { type AppId, deadLetterTopic, events } from '@parley/contracts'
import type { Faults } from './fake-dapr.ts'

/** What daprd makes of a published event. */
export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  readonly datacontenttype: string
  readonly pubsubname: string
  readonly topic: string
  readonly traceparent?: string
  readonly data: unknown
}

/** `unreachable` and `retry` bring the event again, `drop` sends it to the subscriber's dead letter topic. */
export type Delivered = 'done' | 'drop' | 'retry' | 'unreachable'

/** Brings an event to one replica of an app. */
export type Deliver = (app: AppId, topic: string, event: CloudEvent) => Promise<Delivered>

export interface FakeBroker {
  publish(topic: string, event: CloudEvent): void
  /** Resolves when every event has found its end. */
  idle(): Promise<void>
  /** Forgets what is under way. */
  close(): void
}

/** Who hears a topic: as the contracts say, and `messages` every dead letter. */
const subscribersOf = (topic: string): readonly AppId[] =>
  topic.startsWith('dead-letter.')
    ? ['messages']
    : (events.find((event) => event.topic === topic)?.subscribers ?? [])

const redeliverAfterMs = { first: 20, last: 1_000 }

/** A broker that delivers at least once, and with faults more than once, late and in another order. */
export function fakeBroker(deliver: Deliver, random: () => number, faults: () => Faults): FakeBroker {
  const timers = new Set<NodeJS.Timeout>()
  let pending = 0
  let closed = false
  let waiting: (() => void)[] = []

  function finish(): void {
    pending--
    if (pending > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }

  function after(ms: number, fn: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      fn()
    }, ms)
    timers.add(timer)
  }

  async function bring(app: AppId, topic: string, event: CloudEvent, attempt: number): Promise<void> {
    const delivered = await deliver(app, topic, event)
    if (closed) return
    if (delivered === 'done') return finish()
    if (delivered === 'drop') {
      if (!topic.startsWith('dead-letter.')) publish(deadLetterTopic(app), event)
      return finish()
    }
    const backOffMs = Math.min(redeliverAfterMs.first * 2 ** attempt, redeliverAfterMs.last)
    after(backOffMs, () => void bring(app, topic, event, attempt + 1))
  }

  function enqueue(app: AppId, topic: string, event: CloudEvent): void {
    const { maxDelayMs, losses } = faults()
    if (random() < (losses[`${app}/${topic}`] ?? 0)) return
    pending++
    if (maxDelayMs === 0) void bring(app, topic, event, 0)
    else after(random() * maxDelayMs, () => void bring(app, topic, event, 0))
  }

  function publish(topic: string, event: CloudEvent): void {
    if (closed) return
    for (const app of subscribersOf(topic)) {
      enqueue(app, topic, event)
      if (random() < faults().duplicates) enqueue(app, topic, event)
    }
  }

  return {
    publish,
    idle: () => (pending === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    close() {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      for (const resolve of waiting) resolve()
    },
  }
}
