import type { ServiceStatus } from '@parley/contracts'

const spanMs = 60_000

/** How late events came in this minute and the one before. It holds a few numbers per topic, however many come. */
export interface Lag {
  saw(topic: string, ms: number): void
  read(): ServiceStatus['lag']
}

export function createLag(now: () => number = () => performance.now()): Lag {
  let begun = now()
  let current: ServiceStatus['lag'] = {}
  let former: ServiceStatus['lag'] = {}

  function turn(): void {
    const spans = Math.floor((now() - begun) / spanMs)
    if (spans === 0) return
    former = spans === 1 ? current : {}
    current = {}
    begun += spans * spanMs
  }

  const sum = (topic: string) => {
    const [a, b] = [current[topic], former[topic]]
    return {
      events: (a?.events ?? 0) + (b?.events ?? 0),
      worstMs: Math.max(a?.worstMs ?? 0, b?.worstMs ?? 0),
    }
  }

  return {
    saw(topic, ms) {
      turn()
      const { events, worstMs } = current[topic] ?? { events: 0, worstMs: 0 }
      current[topic] = { events: events + 1, worstMs: Math.max(worstMs, Math.round(ms)) }
    },
    read() {
      turn()
      const topics = [...new Set([...Object.keys(current), ...Object.keys(former)])].sort()
      return Object.fromEntries(topics.map((topic) => [topic, sum(topic)]))
    },
  }
}
