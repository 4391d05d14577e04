import {
  type AppId,
  metrics as all,
  type Labels,
  type LabelsOf,
  type MetricContract,
} from '@parley/contracts'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

type Values<L extends Labels> = keyof L extends never ? [] : [labels: LabelsOf<L>]

/** What a process measures: everything that the contracts name for its app, each from 0 on. */
export interface Metrics {
  count<L extends Labels>(metric: MetricContract<'counter', L>, ...labels: Values<L>): void
  observe<L extends Labels>(metric: MetricContract<'histogram', L>, value: number, ...labels: Values<L>): void
  /** `read` is asked when somebody looks: it costs nothing until then. The last one given counts. */
  gauge(metric: MetricContract<'gauge'>, read: () => number): void
  readonly contentType: string
  /** In Prometheus' text format. */
  text(): Promise<string>
  /** Of Node and the process, the delay of the event loop among them. Costs a timer of 10 ms; once per process. */
  watchProcess(): void
}

export function createMetrics(app: AppId): Metrics {
  const registry = new Registry()
  // With every series, however it is scraped: several apps measure the same.
  registry.setDefaultLabels({ app })
  const registers = [registry]
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()
  const readers = new Map<string, () => number>()

  for (const metric of Object.values(all) as MetricContract[]) {
    if (!metric.apps.includes(app)) continue
    const { name, help } = metric
    const labelNames = Object.keys(metric.labels)
    if (metric.kind === 'counter') {
      const made = new Counter({ name, help, labelNames, registers })
      for (const labels of combinations(metric.labels)) made.inc(labels, 0)
      counters.set(name, made)
    }
    if (metric.kind === 'gauge')
      new Gauge({
        ...{ name, help, registers },
        collect() {
          this.set(readers.get(name)?.() ?? 0)
        },
      })
    if (metric.kind === 'histogram')
      histograms.set(name, new Histogram({ name, help, labelNames, registers, buckets: [...metric.buckets] }))
  }

  return {
    count: ({ name }, ...[labels = {}]) => counters.get(name)?.inc(labels),
    observe: ({ name }, value, ...[labels = {}]) => histograms.get(name)?.observe(labels, value),
    gauge: ({ name }, read) => void readers.set(name, read),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    watchProcess: () => collectDefaultMetrics({ register: registry }),
  }
}

/** A series that is there before its first event: a rate over the first one is not lost. */
function combinations(labels: Labels): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (found, [label, values]) => found.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    [{}],
  )
}
