import type { DocumentStore, Stored } from '@parley/kit'
import { coalesce } from './coalesce.ts'
import { type Block, families, keys, type State } from './stored.ts'
import { applyBlock, damaged, type View, viewFrom } from './view.ts'

/** How many blocks one read asks for: one tells whether there is anything new, more to catch up. */
const window = { probe: 1, catchUp: 16 } as const

/** A list of a person's conversations asks for many at once: that is a few bulk reads. */
const bulk = { items: 32, inFlight: 8 } as const

export interface Views {
  /** The conversation as this process knows it: at least as new as the last call that changed or read it. */
  load(id: string): Promise<View>
  /** The conversation as it is now: every block that was confirmed before the call is in. */
  current(id: string): Promise<View>
  /** Reads on from the view's last block until there is no next one. */
  readForward(view: View): Promise<void>
  /** Views that can be dropped, longest unused first, once there are too many. */
  overflow(): View[]
  /** Forgets a view; the next use loads it again. */
  forget(view: View): void
}

export function createViews(store: DocumentStore, maxViews: number): Views {
  // Insertion order is order of use: the first is the one that was not used for longest.
  const views = new Map<string, Promise<View>>()

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
    if (view.damage !== undefined) throw damaged(view)
    let size = first
    for (;;) {
      const from = view.n + 1
      const wanted = Array.from({ length: size }, (_, i) => keys.log(view.id, from + i))
      for (const [i, stored] of (await readBlocks(wanted)).entries()) {
        if (!stored) return
        applyBlock(view, from + i, stored.value)
      }
      size = window.catchUp
    }
  }

  function load(id: string): Promise<View> {
    const known = views.get(id)
    if (known) views.delete(id)
    const view = known ?? open(id)
    views.set(id, view)
    if (!known)
      view.catch(() => {
        if (views.get(id) === view) views.delete(id)
      })
    return view
  }

  const loaded = new Map<string, View>()

  return {
    async load(id) {
      const view = await load(id)
      loaded.set(id, view)
      return view
    },
    async current(id) {
      const known = views.has(id)
      const view = await this.load(id)
      if (known) await readForward(view, window.probe)
      return view
    },
    readForward: (view) => readForward(view, window.probe),
    overflow() {
      const excess = views.size - maxViews
      if (excess <= 0) return []
      return [...views.keys()].slice(0, excess).flatMap((id) => loaded.get(id) ?? [])
    },
    forget(view) {
      if (loaded.get(view.id) !== view) return
      loaded.delete(view.id)
      views.delete(view.id)
    },
  }
}
