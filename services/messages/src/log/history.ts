import type { DocumentStore, Stored } from '@parley/kit'
import { isCounted } from './fold.ts'
import {
  type Block,
  families,
  keys,
  type Page,
  pageOf,
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

export interface History {
  messages(view: View, range: HistoryRange, maxBytes: number): Promise<HistoryPart>
  /** What follows a seq, one entry at least where there is any: at most `limit`, and not beyond `maxBytes`. */
  entries(view: View, after: number, limit: number, maxBytes?: number): Promise<StoredEntry[]>
  messageAt(view: View, seq: number): Promise<StoredMessage | undefined>
  /** How many counted messages there are up to a seq. */
  countUpTo(view: View, seq: number): Promise<number>
}

/** Reads overlay what the view holds on the pages and blocks of the store; none of them grows with the log. */
export function createHistory(store: DocumentStore): History {
  /** Pages in the order asked for. All are there: the view's projection says so. */
  async function pages(view: View, wanted: readonly number[]): Promise<Page[]> {
    const current = pageOf(Math.max(1, view.fold.seq))
    const inMemory = (k: number): Page | undefined => (k === current ? view.page : view.filled.get(k))
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

  async function backward(view: View, before: number, limit: number, maxBytes: number): Promise<HistoryPart> {
    const items: StoredMessage[] = []
    const toSeq = Math.max(0, Math.min(before, view.fold.seq + 1) - 1)
    let bytes = 0
    let k = pageOf(toSeq)
    while (k >= 0) {
      const first = Math.max(0, k - Math.ceil(limit / 64))
      const found = await pages(
        view,
        Array.from({ length: k - first + 1 }, (_, i) => k - i),
      )
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
      const last = Math.min(lastPage, k + Math.ceil(limit / 64))
      const found = await pages(
        view,
        Array.from({ length: last - k + 1 }, (_, i) => k + i),
      )
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
    messages: (view, { before, after, limit }, maxBytes) =>
      after !== undefined
        ? forward(view, after, limit, maxBytes)
        : backward(view, before ?? view.fold.seq + 1, limit, maxBytes),
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
