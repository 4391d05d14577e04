import type { DocumentStore, Logger, Stored } from '@parley/kit'
import { coalesce } from './coalesce.ts'
import { type Block, families, keys, type State } from './stored.ts'
import { applyBlock, type View, viewFrom } from './view.ts'
import type { LogWatch } from './writer.ts'

/** How many blocks one read asks for: one tells whether there is anything new, more to catch up. */
const window = { probe: 1, catchUp: 16 } as const

/** A list of a person's conversations asks for many at once: that is a few bulk reads. */
const bulk = { items: 32, inFlight: 8 } as const

export interface Views {
  /** The conversation as this process knows it: at least as new as the last call that changed or read it. */
  load(id: string): Promise<View>
  /** The conversation as it is now: every block that was confirmed before the call is in. */
  current(id: string): Promise<View>
  /** Reads on from the view's last block until there is no next one, or one that does not continue it. */
  readForward(view: View): Promise<void>
  /** Views that can be dropped, longest unused first, once there are too many. */
  overflow(): View[]
  /** Forgets a view; the next use loads it again. */
  forget(view: View): void
}

export function createViews(
  store: DocumentStore,
  maxViews: number,
  logger: Logger,
  watch: Pick<LogWatch, 'damaged'>,
): Views {
  interface Slot {
    readonly opening: Promise<View>
    /** Undefined while it is being read. */
    view?: View
  }
  // Insertion order is order of use: the first is the one that was not used for longest.
  const slots = new Map<string, Slot>()

  const readState = coalesce<string, Stored<State> | undefined>(async (ids) => {
    const found = await store.getMany(families.state, ids)
    return ids.map((id) => found.get(id))
  }, bulk)
  const readBlocks = coalesce<readonly string[], readonly (Stored<Block> | undefined)[]>(async (ranges) => {
    const found = await store.getMany(families.log, ranges.flat())
    return ranges.map((range) => range.map((key) => found.get(key)))
  }, bulk)

  async function open(id: string): Promise<View> {
    const view = viewFrom(id, await readState(id))
    await readForward(view, window.catchUp)
    return view
  }

  async function readForward(view: View, first: number): Promise<void> {
    if (view.damage !== undefined) return
    for (let size = first; ; size = window.catchUp) {
      const from = view.n + 1
      const wanted = Array.from({ length: size }, (_, i) => keys.log(view.id, from + i))
      for (const [i, stored] of (await readBlocks(wanted)).entries()) {
        if (!stored) return
        if (applyBlock(view, from + i, stored.value)) continue
        watch.damaged()
        logger.error({ conversation: view.id, alarm: true }, `the log is damaged: ${view.damage}`)
        return
      }
    }
  }

  function load(id: string): Promise<View> {
    const slot = slots.get(id) ?? start(id)
    slots.delete(id)
    slots.set(id, slot)
    return slot.opening
  }

  function start(id: string): Slot {
    const slot: Slot = { opening: open(id) }
    slot.opening.then(
      (view) => {
        slot.view = view
      },
      () => {
        if (slots.get(id) === slot) slots.delete(id)
      },
    )
    return slot
  }

  return {
    load,
    async current(id) {
      const known = slots.has(id)
      const view = await load(id)
      if (known) await readForward(view, window.probe)
      return view
    },
    readForward: (view) => readForward(view, window.probe),
    overflow() {
      const excess = slots.size - maxViews
      if (excess <= 0) return []
      return [...slots.values()].slice(0, excess).flatMap(({ view }) => view ?? [])
    },
    forget(view) {
      if (slots.get(view.id)?.view === view) slots.delete(view.id)
    },
  }
}
