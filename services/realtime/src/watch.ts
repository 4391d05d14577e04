import { type Entry, type LabelsOf, type MessageSubmitted, metrics as names } from '@parley/contracts'
import { ChatError, type Clock, type Metrics } from '@parley/kit'
import type { Batcher } from './batches/outcome.ts'

/** What this service measures, in its own words. */
export interface Watch {
  /** Begins with a send that is taken. */
  sendTaken(): { stored(): void; failed(error: unknown): void }
  batch(event: MessageSubmitted): void
  /** An entry goes to the sockets of this node; `takenAt` is when its send was taken, where that is known. */
  delivered(entry: Entry, takenAt: number | undefined): void
  gapRepair(outcome: 'filled' | 'failed'): void
  gauges(of: { sockets: () => number; batcher: Pick<Batcher, 'pending' | 'inFlight'> }): void
}

export function createWatch(metrics: Metrics, clock: Clock): Watch {
  const secondsSince = (then: number): number => Math.max(0, clock.now() - then) / 1_000
  return {
    sendTaken() {
      const takenAt = clock.now()
      return {
        stored() {
          metrics.count(names.sends, { outcome: 'stored' })
          metrics.observe(names.ackSeconds, secondsSince(takenAt))
        },
        failed: (error) => metrics.count(names.sends, { outcome: outcomeOf(error) }),
      }
    },
    batch({ conversations }) {
      const items = conversations.reduce((sum, { commands }) => sum + commands.length, 0)
      metrics.observe(names.batchItems, items)
    },
    delivered(entry, takenAt = Date.parse(entry.at)) {
      metrics.observe(names.deliverySeconds, secondsSince(takenAt))
    },
    gapRepair: (outcome) => metrics.count(names.gapRepairs, { outcome }),
    gauges({ sockets, batcher }) {
      metrics.gauge(names.sockets, sockets)
      metrics.gauge(names.sendsPending, batcher.pending)
      metrics.gauge(names.eventsInFlight, batcher.inFlight)
    },
  }
}

function outcomeOf(error: unknown): LabelsOf<typeof names.sends.labels>['outcome'] {
  if (!(error instanceof ChatError)) return 'internal'
  switch (error.code) {
    case 'rate_limited':
    case 'overloaded':
    case 'unavailable':
    case 'internal':
      return error.code
    default:
      return 'rejected'
  }
}
