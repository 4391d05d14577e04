import { ChatError, currentTrace, runInTrace, type Trace } from '@parley/kit'

/**
 * Turns single calls into bulk calls without making any of them wait for company: the first goes out at once, and
 * what comes while `inFlight` bulk calls are under way becomes the next one. `run` answers in the order of its items.
 *
 * A bulk call that fails, other than for want of an answer, is made again item by item: what one item is refused for is
 * not the fault of its company. So `run` must bear being repeated. It runs in the trace of its first item.
 */
export function coalesce<Item, Answer>(
  run: (items: Item[]) => Promise<readonly Answer[]>,
  limits: { items: number; inFlight: number },
): (item: Item) => Promise<Answer> {
  interface Call {
    item: Item
    trace: Trace | undefined
    resolve: (answer: Answer) => void
    reject: (error: unknown) => void
  }
  const waiting: Call[] = []
  let running = 0
  let scheduled = false

  function pump(): void {
    scheduled = false
    while (running < limits.inFlight && waiting.length > 0) {
      const calls = waiting.splice(0, limits.items)
      running += 1
      const trace = calls[0]?.trace
      // Without it a call that waited would go on in the trace of the one that made room for it.
      void (trace ? runInTrace(trace, () => settle(calls)) : settle(calls))
    }
  }

  async function settle(calls: Call[]): Promise<void> {
    await answer(calls)
    running -= 1
    pump()
  }

  async function answer(calls: Call[]): Promise<void> {
    try {
      const answers = await run(calls.map((call) => call.item))
      calls.forEach((call, i) => {
        call.resolve(answers[i] as Answer)
      })
    } catch (error) {
      const isAway = error instanceof ChatError && error.code === 'unavailable'
      if (calls.length === 1 || isAway) for (const call of calls) call.reject(error)
      else await Promise.all(calls.map((call) => answer([call])))
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, trace: currentTrace(), resolve, reject })
      if (scheduled) return
      scheduled = true
      // One turn of the microtask queue: what one event brings for many conversations goes out together.
      queueMicrotask(pump)
    })
}
