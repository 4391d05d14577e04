import { type AppId, appIds, serviceIds } from './events.ts'

/** The values that each label can have. None is an id: a series lives as long as its process. */
export type Labels = Readonly<Record<string, readonly string[]>>
export type LabelsOf<L extends Labels> = { readonly [K in keyof L]: L[K][number] }

/** What a service measures. Dashboards and alerts are written against the name and the labels. */
export interface MetricContract<K extends MetricKind = MetricKind, L extends Labels = Labels> {
  readonly kind: K
  readonly name: string
  readonly help: string
  readonly apps: readonly AppId[]
  readonly labels: L
  /** Upper bounds of a histogram. */
  readonly buckets: readonly number[]
}
export type MetricKind = 'counter' | 'gauge' | 'histogram'

const define =
  <const K extends MetricKind>(kind: K) =>
  <const L extends Labels = Record<never, never>>(
    name: string,
    apps: readonly AppId[],
    help: string,
    more: { labels?: L; buckets?: readonly number[] } = {},
  ): MetricContract<K, L> => ({
    ...{ kind, name, apps, help },
    labels: more.labels ?? ({} as L),
    buckets: more.buckets ?? [],
  })
const counter = define('counter')
const gauge = define('gauge')
const histogram = define('histogram')

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
const withStores = serviceIds.filter((app) => app !== 'realtime')

export const metrics = {
  sockets: gauge('parley_sockets', ['realtime'], 'Sockets that are connected to this node.'),
  sends: counter('parley_sends_total', ['realtime'], 'Answered `message:send`, by what was answered.', {
    labels: {
      // `rejected`: for what it says or who says it. `unavailable`: nobody knows, the client sends it again.
      outcome: ['stored', 'rejected', 'rate_limited', 'overloaded', 'unavailable', 'internal'],
    },
  }),
  ackSeconds: histogram(
    'parley_ack_seconds',
    ['realtime'],
    'From a send that is taken to its acknowledgement as stored; the wait for the rate of a person included.',
    { buckets: seconds },
  ),
  sendsPending: gauge(
    'parley_sends_pending',
    ['realtime'],
    'Sends in the batcher without an answer: those that wait for an event and those in one.',
  ),
  eventsInFlight: gauge(
    'parley_submitted_events_in_flight',
    ['realtime'],
    'Events of sends that were published and not all of whose sends are answered: 2, or 4 where some are stuck.',
  ),
  batchItems: histogram('parley_batch_items', ['realtime'], 'Sends in one published event.', {
    buckets: sizes,
  }),
  deliverySeconds: histogram(
    'parley_delivery_seconds',
    ['realtime'],
    'From a send that is taken to its write to the sockets of a node, once per node and entry. Of one event the oldest send counts for all; where the event was lost, the time since the commit.',
    { buckets: seconds },
  ),
  gapRepairs: counter(
    'parley_gap_repairs_total',
    ['realtime'],
    'Ranges of a log that a node asked for because the events did not bring them.',
    { labels: { outcome: ['filled', 'failed'] } },
  ),
  commitSeconds: histogram(
    'parley_commit_seconds',
    ['messages'],
    'From a block that is decided to the answer of the store that has it; the wait for company included.',
    { buckets: seconds },
  ),
  blockEntries: histogram('parley_block_entries', ['messages'], 'Entries in one block of a log.', {
    buckets: sizes,
  }),
  damagedLogs: counter(
    'parley_damaged_logs_total',
    ['messages'],
    'Logs that were read and found damaged: the store lost or changed what was acknowledged.',
  ),
  deadLetters: counter('parley_dead_letters_total', ['messages'], 'Letters kept, by who refused the event.', {
    labels: { refused_by: appIds },
  }),
  presenceChanges: counter(
    'parley_presence_changes_total',
    ['presence'],
    'Changes that were told, by what people are since.',
    { labels: { status: ['online', 'away', 'dnd', 'offline'] } },
  ),
  pushes: counter(
    'parley_pushes_total',
    ['notifications'],
    'Attempts to push. `gone`: the push service does not know the device any more. `given_up`: too late or too often.',
    { labels: { outcome: ['sent', 'tried_again', 'gone', 'given_up'] } },
  ),
  events: counter(
    'parley_events_total',
    serviceIds,
    'Events that the broker brought, by what became of them.',
    {
      labels: { topic: [] as readonly string[], outcome: ['done', 'refused', 'failed'] },
    },
  ),
  eventLagSeconds: histogram(
    'parley_event_lag_seconds',
    serviceIds,
    'From what an event tells to its handling: in the batcher or outbox of who publishes, on the broker, in the sidecar. Of topics that say when.',
    { labels: { topic: [] as readonly string[] }, buckets: seconds },
  ),
  storeSeconds: histogram(
    'parley_store_seconds',
    withStores,
    'Calls of the store, until it answers or fails.',
    {
      labels: { operation: ['get', 'getMany', 'create', 'createMany', 'replace', 'put', 'delete'] },
      buckets: seconds,
    },
  ),
  storeConflicts: counter(
    'parley_store_conflicts_total',
    withStores,
    'Writes that another one came before: a key that exists already, or another etag. By the family of keys.',
    { labels: { family: [] as readonly string[], operation: ['create', 'replace'] } },
  ),
  storeFailures: counter(
    'parley_store_failures_total',
    withStores,
    'Calls of the store that failed, or of which nobody knows whether they were done.',
    { labels: { operation: ['get', 'getMany', 'create', 'createMany', 'replace', 'put', 'delete'] } },
  ),
} as const
