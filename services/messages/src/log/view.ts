import type { UserId } from '@parley/contracts'
import { applyEntry, emptyFold, type Fold, foldFromState, foldToState } from './fold.ts'
import {
  type Block,
  commandKey,
  type Page,
  pageOf,
  pageSpan,
  type Sent,
  type State,
  type StoredEntry,
  type StoredMessage,
} from './stored.ts'

/**
 * A conversation in memory: the fold over its log up to block `n`, and what the store's projection does not hold yet.
 *
 * It is current only when the store has no block `n + 1`. Whoever appends learns that from the create; whoever only
 * reads must ask first (`readForward`).
 */
export interface View {
  readonly id: string
  /** The last block that is folded in, and its nonce; 0 and '' before the first. */
  n: number
  nonce: string
  fold: Fold
  /** The page that holds the last seq. */
  page: Page
  /** Up to which block the projection reaches, and the etag of its document; undefined: there is none. */
  projected: number
  etag: string | undefined
  /** Blocks after `projected`, in order. */
  tail: Block[]
  /** The commands that ended in the tail, and what they became: a repeat of one of these is a duplicate. */
  ids: Map<string, StoredEntry | Sent>
  /** Pages that were filled after `projected`. */
  filled: Map<number, Page>
  /**
   * Set when the log does not hang together: the store lost a block that was acknowledged. What comes after is not
   * folded in; what came before can be read, and nothing is written any more.
   */
  damage: string | undefined
}

const emptyPage = (): Page => ({ firstBlock: 1, countBefore: 0, messages: [] })

export function viewFrom(id: string, stored?: { value: State; etag: string }): View {
  const state = stored?.value
  return {
    id,
    n: state?.projected ?? 0,
    nonce: state?.nonce ?? '',
    fold: state ? foldFromState(state.fold) : emptyFold(),
    page: state ? { ...state.page, messages: [...state.page.messages] } : emptyPage(),
    projected: state?.projected ?? 0,
    etag: stored?.etag,
    tail: [],
    ids: new Map(),
    filled: new Map(),
    damage: undefined,
  }
}

/**
 * Folds block `n` in. A block that is in already changes nothing: readers and the writer may both find it.
 * False where the log does not hang together.
 */
export function applyBlock(view: View, n: number, block: Block): boolean {
  if (view.damage !== undefined) return false
  if (n <= view.n) return true
  if (n !== view.n + 1) throw new Error(`block ${n} does not follow ${view.n}`)
  if (block.prevNonce !== view.nonce || block.firstSeq !== view.fold.seq + 1) {
    view.damage = `block ${n} does not continue block ${view.n}`
    return false
  }
  for (const entry of block.entries) {
    if ((entry.seq - 1) % pageSpan === 0) turnPage(view, entry.seq, n)
    applyEntry(view.fold, entry)
    if (entry.kind === 'message') view.page.messages.push(entry)
  }
  for (const { by, clientId, record } of ended(block)) view.ids.set(commandKey(by, clientId), record)
  view.n = n
  view.nonce = block.nonce
  view.tail.push(block)
  return true
}

/** What ended in a block, in its order. */
interface Ended {
  readonly by: UserId
  readonly clientId: string
  readonly record: StoredEntry | Sent
}

export function* ended(block: Block): Generator<Ended> {
  for (const entry of block.entries)
    if (entry.clientId !== undefined) yield { by: entry.by, clientId: entry.clientId, record: entry }
  for (const { by, clientId, became } of block.settled ?? []) yield { by, clientId, record: became }
}

function turnPage(view: View, firstSeq: number, firstBlock: number): void {
  if (firstSeq > 1) view.filled.set(pageOf(firstSeq) - 1, view.page)
  view.page = { firstBlock, countBefore: view.fold.count, messages: [] }
}

/** The projection as it would be now: a copy, since the view goes on changing while it is written. */
export interface Snapshot {
  readonly n: number
  readonly state: State
  readonly filled: ReadonlyMap<number, Page>
  readonly tail: readonly Block[]
}

export function snapshot(view: View): Snapshot {
  return {
    n: view.n,
    state: {
      projected: view.n,
      nonce: view.nonce,
      fold: foldToState(view.fold),
      page: { ...view.page, messages: [...view.page.messages] },
    },
    filled: new Map(view.filled),
    tail: [...view.tail],
  }
}

/** The projection in the store reaches up to `n` now: what it holds need not be kept here any more. */
export function trim(view: View, n: number, etag: string | undefined): void {
  if (n < view.projected) return
  const dropped = view.tail.splice(0, Math.max(0, n - view.projected))
  // A command may have been given up in one block, and stored in a later one that stays.
  for (const { by, clientId, record } of dropped.flatMap((block) => [...ended(block)]))
    if (view.ids.get(commandKey(by, clientId)) === record) view.ids.delete(commandKey(by, clientId))
  view.projected = n
  view.etag = etag
  const lastDropped = dropped.at(-1)
  // A page is on record once the block that begins the next one is projected.
  if (lastDropped)
    for (const k of view.filled.keys()) if (k < pageOf(lastDropped.lastSeq)) view.filled.delete(k)
}

export const tailEntries = (view: View): number =>
  view.fold.seq - ((view.tail[0]?.firstSeq ?? view.fold.seq + 1) - 1)

/** Whether so many entries, or blocks without any, are not projected yet. */
export const isDue = (view: View, limit: number): boolean =>
  view.tail.length >= limit || tailEntries(view) >= limit

export const isMessage = (entry: StoredEntry): entry is StoredMessage => entry.kind === 'message'
