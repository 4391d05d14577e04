import type { UserId } from '@parley/contracts'
import type { NewEntry } from './decide.ts'
import { isCounted } from './fold.ts'
import { type Block, blockLimits, type Settled, type StoredEntry } from './stored.ts'
import type { View } from './view.ts'

/** What one command adds to a block. */
export interface Draft {
  readonly by: UserId
  readonly entries: readonly NewEntry[]
  /** Where it ends without an entry. */
  readonly settled?: Settled
}

/** The block that follows the view's last one. Times never go back, whatever the clocks of the nodes say. */
export function nextBlock(view: View, drafts: readonly Draft[], nonce: string, now: string): Block {
  const at = now > view.fold.at ? now : view.fold.at
  const entries: StoredEntry[] = []
  for (const draft of drafts)
    for (const entry of draft.entries)
      entries.push({ ...entry, seq: view.fold.seq + entries.length + 1, at, by: draft.by } as StoredEntry)
  const settled = drafts.flatMap((draft) => draft.settled ?? [])
  return {
    firstSeq: view.fold.seq + 1,
    lastSeq: view.fold.seq + entries.length,
    messageCount: entries.filter(isCounted).length,
    nonce,
    prevNonce: view.nonce,
    entries,
    ...(settled.length > 0 ? { settled } : {}),
  }
}

/** All that stands around the texts: names, numbers, the sender's id. */
const entryOverhead = 512
/** An id of 64 letters with its quotes. */
const idBytes = 72

/** What an entry adds to the stored block. */
export function entryBytes(entry: NewEntry): number {
  if (entry.kind !== 'message') return entryOverhead
  const mentions = idBytes * (entry.mentions?.length ?? 0)
  return entryOverhead + mentions + escapedBytes(entry.text) + escapedBytes(entry.clientId)
}

/** In the store JSON stands in a JSON string: what is not ASCII is written as \uXXXX, and each backslash and quote twice. */
function escapedBytes(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    bytes += code < 0x20 || code > 0x7e ? 7 : code === 0x22 || code === 0x5c ? 4 : 1
  }
  return bytes
}

/** How many of the drafts, from the first, fit into one block: one at least. */
export function fitting(drafts: readonly Draft[]): number {
  let entries = 0
  let bytes = 0
  for (const [i, draft] of drafts.entries()) {
    entries += draft.entries.length
    for (const entry of draft.entries) bytes += entryBytes(entry)
    if (i > 0 && (entries > blockLimits.entries || bytes > blockLimits.bytes)) return i
  }
  return drafts.length
}
