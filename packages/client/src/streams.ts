import { type ConversationId, type Entry, entry, getEntries, limits } from '@parley/contracts'
import { z } from 'zod'
import { asParleyError, ParleyError } from './errors.ts'
import { type Ordering, type OrderingInput, startOrdering, stepOrdering } from './ordering.ts'
import type { Clock } from './ports.ts'

/** An entry, or one of a kind that this version does not know: it takes its place in the order and is not delivered. */
interface Placed {
  readonly conversationId: ConversationId
  readonly seq: number
  readonly entry?: Entry
}

const place = z.object({
  conversationId: entry.options[0].shape.conversationId,
  seq: entry.options[0].shape.seq,
})
/** The same route, with items that are parsed one by one: one bad entry must not hide the others. */
export const getEntriesLeniently = {
  ...getEntries,
  answers: {
    200: z.object({ items: z.array(z.unknown()), head: z.number(), hasMore: z.boolean() }),
  },
} as const

export interface EntriesAnswer {
  readonly items: readonly unknown[]
  readonly head: number
  readonly hasMore: boolean
}

const concurrentFetches = 6
const firstPauseMs = 500
const longestPauseMs = 15_000

/** The ordered streams of all conversations: runs `ordering.ts` for each, and fetches what it asks for. */
export interface Streams {
  receive(payload: unknown): void
  head(conversationId: ConversationId, head: number): void
  /** Begin after this seq, if the conversation is not followed yet. False: the stream began later than that. */
  follow(conversationId: ConversationId, after: number): boolean
  /** What lies before `head` will not come: go on after it. */
  reset(conversationId: ConversationId, head: number): void
  /** The log ends before what was delivered, as it was restored from a backup: begin anew after its `head`. */
  rewind(conversationId: ConversationId, head: number): void
  forget(conversationId: ConversationId): void
  cursor(conversationId: ConversationId): number | undefined
  cursors(): ReadonlyMap<ConversationId, number>
  clear(): void
}

interface Stream {
  /** Entries after this seq are delivered, or were. */
  start: number
  ordering: Ordering<Placed>
  failures: number
  timer?: { cancel(): void }
}

export function createStreams(deps: {
  fetchEntries(conversationId: ConversationId, after: number, limit: number): Promise<EntriesAnswer>
  clock: Clock
  random(): number
  onEntry(entry: Entry): void
  onReset(conversationId: ConversationId, head: number): void
  onGone(conversationId: ConversationId): void
  onError(error: ParleyError): void
}): Streams {
  const streams = new Map<ConversationId, Stream>()
  const queue: (() => Promise<void>)[] = []
  let running = 0

  function run(task: () => Promise<void>): void {
    queue.push(task)
    while (running < concurrentFetches) {
      const next = queue.shift()
      if (!next) return
      running++
      void next().finally(() => {
        running--
        const following = queue.shift()
        if (following) run(following)
      })
    }
  }

  function parse(payload: unknown): Placed | undefined {
    const whole = entry.safeParse(payload)
    if (whole.success) {
      return { conversationId: whole.data.conversationId, seq: whole.data.seq, entry: whole.data }
    }
    deps.onError(new ParleyError('bad_answer', `entry: ${whole.error.message}`, { cause: whole.error }))
    return place.safeParse(payload).data
  }

  function step(conversationId: ConversationId, stream: Stream, input: OrderingInput<Placed>): void {
    const { state, deliver, fetchAfter, pause } = stepOrdering(stream.ordering, input)
    stream.ordering = state
    if (deliver.length > 0) stream.failures = 0
    for (const item of deliver) {
      if (item.entry && streams.get(conversationId) === stream) deps.onEntry(item.entry)
    }
    if (streams.get(conversationId) !== stream) return
    if (pause) {
      const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** stream.failures++)
      stream.timer?.cancel()
      stream.timer = deps.clock.setTimeout(
        () => step(conversationId, stream, { type: 'retry' }),
        longest * (0.5 + deps.random() / 2),
      )
    }
    if (fetchAfter !== undefined) run(() => fetch(conversationId, stream, fetchAfter))
  }

  async function fetch(conversationId: ConversationId, stream: Stream, after: number): Promise<void> {
    const alive = () => streams.get(conversationId) === stream
    if (!alive()) return
    try {
      const page = await deps.fetchEntries(conversationId, after, limits.pageItems)
      const items = page.items.flatMap((item) => parse(item) ?? [])
      if (alive()) step(conversationId, stream, { type: 'page', items, head: page.head })
    } catch (error) {
      if (!alive()) return
      const failure = asParleyError(error)
      if (failure.code === 'cursor_too_old') {
        const head = typeof failure.extra.head === 'number' ? failure.extra.head : stream.ordering.target
        return reset(conversationId, head)
      }
      if (failure.code === 'conversation_not_found') {
        forget(conversationId)
        return deps.onGone(conversationId)
      }
      if (!failure.retryable) deps.onError(failure)
      step(conversationId, stream, { type: 'failed' })
    }
  }

  function streamOf(conversationId: ConversationId, after: number): Stream {
    const known = streams.get(conversationId)
    if (known) return known
    const stream: Stream = { start: after, ordering: startOrdering(after), failures: 0 }
    streams.set(conversationId, stream)
    return stream
  }

  function reset(conversationId: ConversationId, head: number): void {
    const stream = streamOf(conversationId, head)
    stream.start = Math.max(stream.start, head)
    // Told first: what is delivered next belongs to the time after.
    deps.onReset(conversationId, head)
    step(conversationId, stream, { type: 'reset', head })
  }

  function rewind(conversationId: ConversationId, head: number): void {
    forget(conversationId)
    streamOf(conversationId, head)
    deps.onReset(conversationId, head)
  }

  function forget(conversationId: ConversationId): void {
    streams.get(conversationId)?.timer?.cancel()
    streams.delete(conversationId)
  }

  return {
    receive(payload) {
      const item = parse(payload)
      if (!item) return
      // The first entry of a conversation that is not followed says where its stream begins.
      const stream = streamOf(item.conversationId, item.seq - 1)
      step(item.conversationId, stream, { type: 'entry', entry: item })
    },
    head(conversationId, head) {
      step(conversationId, streamOf(conversationId, head), { type: 'head', head })
    },
    follow: (conversationId, after) => streamOf(conversationId, after).start <= after,
    reset,
    rewind,
    forget,
    cursor: (conversationId) => streams.get(conversationId)?.ordering.cursor,
    cursors: () => new Map([...streams].map(([id, stream]) => [id, stream.ordering.cursor])),
    clear() {
      for (const id of [...streams.keys()]) forget(id)
      queue.length = 0
    },
  }
}
