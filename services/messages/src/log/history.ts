import type { DocumentStore, Stored } from '@parley/kit'
import { isCounted } from './fold.ts'
import {
  type Block,
  families,
  keys,
  type Page,
  pageOf,
  pageSpan,
  type StoredEntry,
  type StoredMessage,
} from './stored.ts'
import { isMessage, type View } from './view.ts'

export interface HistoryRange {
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}
export interface HistoryPart {
  readonly items: StoredMessage[]
  readonly fromSeq: number
  readonly toSeq: number
  readonly hasMore: boolean
}

/** Pages that are on record, by number. */
export type Pages = ReadonlyMap<number, Page>

export interface History {
  messages(view: View, range: HistoryRange, maxBytes: number, readAhead?: Pages): Promise<HistoryPart>
  /**
   * Reads the pages that a range before a seq begins in, as far as they are on record, without a view: while the view is
   * still being read. A page on record never changes. Never rejects: `messages` reads what is missing.
   */
  readAhead(conversation: string, range: HistoryRange): Promise<Pages>
  /** What follows a seq, one entry at least where there is any: at most `limit`, and not beyond `maxBytes`. */
  entries(view: View, after: number, limit: number, maxBytes?: number): Promise<StoredEntry[]>
  messageAt(view: View, seq: number): Promise<StoredMessage | undefined>
  /** How many counted messages there are up to a seq. */
  countUpTo(view: View, seq: number): Promise<number>
}

/** Reads overlay what the view holds on the pages and blocks of the store; none of them grows with the log. */
export function createHistory(store: DocumentStore): History {
  /** Pages in the order asked for. All are there: the view's projection says so. */
  async function pages(view: View, wanted: readonly number[], readAhead?: Pages): Promise<Page[]> {
    const current = pageOf(Math.max(1, view.fold.seq))
    const inMemory = (k: number): Page | undefined =>
      k === current ? view.page : (view.filled.get(k) ?? readAhead?.get(k))
    const held = new Map(wanted.map((k) => [k, inMemory(k)]))
    const missing = wanted.filter((k) => held.get(k) === undefined)
    const stored =
      missing.length > 0
        ? await store.getMany(
            families.page,
            missing.map((k) => keys.page(view.id, k)),
          )
        : new Map<string, Stored<Page>>()
    return wanted.map((k) => {
      const page = held.get(k) ?? stored.get(keys.page(view.id, k))?.value
      if (!page) throw new Error(`page ${k} of conversation ${view.id} is missing`)
      return page
    })
  }

  async function backward(
    view: View,
    before: number,
    limit: number,
    maxBytes: number,
    readAhead?: Pages,
  ): Promise<HistoryPart> {
    const items: StoredMessage[] = []
    const toSeq = Math.max(0, Math.min(before, view.fold.seq + 1) - 1)
    let bytes = 0
    let k = pageOf(toSeq)
    while (k >= 0) {
      const first = firstPage(Math.min(toSeq, (k + 1) * pageSpan), limit)
      const found = await pages(view, range(first, k).reverse(), readAhead)
      for (const message of found.flatMap((page) => page.messages.filter(isMessage).reverse())) {
        if (message.seq > toSeq) continue
        bytes += messageBytes(message)
        if (items.length === limit || (items.length > 0 && bytes > maxBytes))
          return { items: items.reverse(), fromSeq: items[0]?.seq ?? 1, toSeq, hasMore: true }
        items.push(message)
      }
      k = first - 1
    }
    return { items: items.reverse(), fromSeq: 1, toSeq, hasMore: false }
  }

  async function forward(view: View, after: number, limit: number, maxBytes: number): Promise<HistoryPart> {
    const items: StoredMessage[] = []
    const head = view.fold.seq
    let bytes = 0
    let k = pageOf(after + 1)
    const lastPage = pageOf(Math.max(1, head))
    while (k <= lastPage && after < head) {
      const last = Math.min(lastPage, k + Math.ceil(limit / pageSpan))
      const found = await pages(view, range(k, last))
      for (const message of found.flatMap((page) => page.messages.filter(isMessage))) {
        if (message.seq <= after || message.seq > head) continue
        bytes += messageBytes(message)
        if (items.length === limit || (items.length > 0 && bytes > maxBytes))
          return { items, fromSeq: after + 1, toSeq: items.at(-1)?.seq ?? head, hasMore: true }
        items.push(message)
      }
      k = last + 1
    }
    return { items, fromSeq: after + 1, toSeq: Math.max(head, after), hasMore: false }
  }

  async function entries(
    view: View,
    after: number,
    limit: number,
    maxBytes = Number.POSITIVE_INFINITY,
  ): Promise<StoredEntry[]> {
    const head = view.fold.seq
    if (after >= head) return []
    const tailStart = view.tail[0]?.firstSeq ?? head + 1
    if (after + 1 >= tailStart) return cut(view.tail.flatMap(entriesAfter(after, head)), limit, maxBytes)

    const result: StoredEntry[] = []
    const last = view.n
    const [start] = await pages(view, [pageOf(after + 1)])
    let n = start?.firstBlock ?? 1
    // A block holds up to 64 entries, or one, or none: more of them are asked for where they turn out to be small.
    for (
      let size = smallestRead;
      result.length < limit && n <= last;
      size = Math.min(2 * size, largestRead)
    ) {
      const wanted = Array.from({ length: Math.min(size, last - n + 1) }, (_, i) => keys.log(view.id, n + i))
      const found = await store.getMany(families.log, wanted)
      for (const key of wanted) {
        const block = found.get(key)?.value
        if (!block) throw new Error(`block ${key} is missing`)
        result.push(...entriesAfter(after, head)(block))
      }
      n += wanted.length
    }
    return cut(result, limit, maxBytes)
  }

  return {
    messages: (view, { before, after, limit }, maxBytes, readAhead) =>
      after !== undefined
        ? forward(view, after, limit, maxBytes)
        : backward(view, before ?? view.fold.seq + 1, limit, maxBytes, readAhead),
    async readAhead(conversation, { before, limit }) {
      // Without a place it is about the latest messages, which are in memory; reading on is rare.
      if (before === undefined || before <= 1) return new Map()
      const wanted = range(firstPage(before - 1, limit), pageOf(before - 1))
      try {
        const found = await store.getMany(
          families.page,
          wanted.map((k) => keys.page(conversation, k)),
        )
        const read = new Map<number, Page>()
        for (const k of wanted) {
          const page = found.get(keys.page(conversation, k))
          if (page) read.set(k, page.value)
        }
        return read
      } catch {
        return new Map()
      }
    },
    entries,
    async messageAt(view, seq) {
      if (seq < 1 || seq > view.fold.seq) return undefined
      const [page] = await pages(view, [pageOf(seq)])
      return page?.messages.filter(isMessage).find((message) => message.seq === seq)
    },
    async countUpTo(view, seq) {
      if (seq >= view.fold.seq) return view.fold.count
      if (seq < 1) return 0
      const [page] = await pages(view, [pageOf(seq)])
      if (!page) return 0
      return (
        page.countBefore + page.messages.filter((message) => message.seq <= seq && isCounted(message)).length
      )
    },
  }
}

/** The page to begin with for so many seqs up to this one. */
const firstPage = (toSeq: number, limit: number): number => pageOf(Math.max(1, toSeq - limit + 1))

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Blocks in one read. */
const smallestRead = 8
const largestRead = 64

const entriesAfter =
  (after: number, head: number) =>
  ({ entries }: Block): StoredEntry[] =>
    entries.filter((entry) => entry.seq > after && entry.seq <= head)

function cut(entries: StoredEntry[], limit: number, maxBytes: number): StoredEntry[] {
  let bytes = 0
  const end = entries.findIndex((entry, i) => {
    bytes += messageBytes(entry)
    return i === limit || (i > 0 && bytes > maxBytes)
  })
  return end < 0 ? entries : entries.slice(0, end)
}

/** What stands around a message where it is shown: the names, the ids, the times. */
const shownOverhead = 320

/** About what an entry is as JSON in an answer. */
const messageBytes = (entry: StoredEntry): number => Buffer.byteLength(JSON.stringify(entry)) + shownOverhead
