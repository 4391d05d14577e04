import type { ConversationId } from '@parley/contracts'
import type { DocumentStore, Logger } from '@parley/kit'
import { type Block, families, keys, type Page, type Sent, type StoredEntry } from './stored.ts'
import { ended, isDue, snapshot, trim, type View } from './view.ts'
import type { Views } from './views.ts'

export interface Projector {
  /**
   * Brings the projection in the store up to the view: pages, what the client ids became, the people's inboxes, and
   * last the state that says so. Killed anywhere before the last step, the next one does it all again; done twice at
   * once, both write the same. False: the store did not answer clearly; the tail stays and it is due again.
   */
  project(view: View): Promise<boolean>
  /**
   * Projects a view when its turn comes, unless it is not due any more. One after the other: busy conversations become due
   * together, and their bulk writes at once would stop every append for as long as they take.
   */
  projectSoon(view: View): void
  /** Takes a view that must not be used any more out of those whose turn is to come. */
  forget(view: View): void
}

export function createProjector(
  store: DocumentStore,
  views: Views,
  writeInboxes: (conversation: ConversationId, entries: readonly StoredEntry[]) => Promise<void>,
  { dueEntries, logger }: { readonly dueEntries: number; readonly logger: Logger },
): Projector {
  const running = new Map<View, Promise<boolean>>()
  const due = new Set<View>()
  let working = false

  async function project(view: View): Promise<boolean> {
    const { n, state, filled, tail } = snapshot(view)
    if (n === view.projected) return true
    if (!(await writePages(view.id, filled))) return false
    if (!(await writeSent(view.id, tail))) return false
    await writeInboxes(
      view.id as ConversationId,
      tail.flatMap((block) => block.entries),
    )
    if (view.etag === undefined) await store.create(families.state, view.id, state)
    else await store.replace(families.state, view.id, state, view.etag)
    // Whatever the store answered: what it holds now is what counts, ours or that of a replica which was faster.
    await takeOver(view)
    return view.projected >= n
  }

  async function takeOver(view: View): Promise<void> {
    const stored = await store.get(families.state, view.id)
    if (!stored) return
    if (stored.value.projected > view.n) await views.readForward(view)
    if (stored.value.projected <= view.n) trim(view, stored.value.projected, stored.etag)
  }

  async function writePages(id: string, filled: ReadonlyMap<number, Page>): Promise<boolean> {
    if (filled.size === 0) return true
    const items = [...filled].map(([k, value]) => ({ key: keys.page(id, k), value }))
    const outcomes = await store.createMany(families.page, items)
    // A page that exists was written by another projector from the same log: it is the same.
    return outcomes.every((outcome) => outcome.outcome !== 'unknown')
  }

  async function writeSent(id: string, tail: readonly Block[]): Promise<boolean> {
    // The last word on a command that was given up and is stored later is that it is stored.
    const became = new Map<string, Sent>()
    for (const { by, clientId, record } of tail.flatMap((block) => [...ended(block)]))
      became.set(keys.sent(id, by, clientId), 'kind' in record ? { seq: record.seq } : record)
    const items = [...became].map(([key, value]) => ({ key, value }))
    if (items.length === 0) return true
    const outcomes = await store.createMany(families.sent, items)
    for (const [i, outcome] of outcomes.entries()) {
      const item = items[i]
      if (outcome.outcome === 'unknown' || !item) return false
      if (outcome.outcome === 'created' || isNewer(outcome.stored.value, item.value)) continue
      // A refusal that was withdrawn or has lapsed stands here: the log is the truth.
      const replaced = await store.replace(families.sent, item.key, item.value, outcome.stored.etag)
      if (replaced !== 'replaced') return false
    }
    return true
  }

  function projectOnce(view: View): Promise<boolean> {
    const known = running.get(view)
    if (known) return known
    const run = project(view).finally(() => running.delete(view))
    running.set(view, run)
    return run
  }

  async function work(): Promise<void> {
    working = true
    for (const view of due) {
      due.delete(view)
      if (!isDue(view, dueEntries)) continue
      await projectOnce(view).catch((error: unknown) => {
        logger.warn({ err: error, conversation: view.id }, 'projection failed; it is due again')
      })
    }
    working = false
  }

  return {
    project: projectOnce,
    forget: (view) => void due.delete(view),
    projectSoon(view) {
      if (!isDue(view, dueEntries)) return
      due.add(view)
      if (!working) void work()
    },
  }
}

/**
 * Whether what is on record came after what is in the log: an entry is for ever, of two final refusals the later one
 * counts. One that nobody has settled yet is no last word.
 */
const isNewer = (stored: Sent, logged: Sent): boolean =>
  'seq' in stored || (stored.phase === 'final' && 'until' in logged && stored.until > logged.until)
