/**
 * The order of one conversation's entries: a pure state machine.
 *
 * `cursor`: everything up to here was delivered. `target`: the highest seq known to exist. They differ while entries
 * are missing; then exactly one fetch of the entries after `cursor` is wanted or in flight, and what came early is
 * held. States: *level* (cursor = target), *behind* (cursor < target, fetching), *waiting* (cursor < target, the last
 * fetch failed or brought nothing; the shell asks again later with `retry`).
 *
 * Duplicates and entries in any order leave the same deliveries: each seq once, ascending, without a hole.
 */
export interface Ordering<E extends { readonly seq: number }> {
  readonly cursor: number
  readonly target: number
  readonly held: ReadonlyMap<number, E>
  readonly fetching: boolean
}

export type OrderingInput<E> =
  | { readonly type: 'entry'; readonly entry: E }
  | { readonly type: 'head'; readonly head: number }
  /** The answer of the fetch: entries after the cursor that it asked for. */
  | { readonly type: 'page'; readonly items: readonly E[]; readonly head: number }
  | { readonly type: 'failed' }
  | { readonly type: 'retry' }
  /** What lies before `head` is gone: go on after it. */
  | { readonly type: 'reset'; readonly head: number }

export interface OrderingStep<E extends { readonly seq: number }> {
  readonly state: Ordering<E>
  readonly deliver: readonly E[]
  /** Fetch the entries after this seq, now. */
  readonly fetchAfter?: number
  /** The last fetch did not help: send `retry` after a pause. */
  readonly pause?: true
}

/** Entries ahead of a gap are held up to this many; beyond it they are fetched again when the gap is closed. */
export const heldLimit = 1_000

export function startOrdering<E extends { readonly seq: number }>(cursor: number): Ordering<E> {
  return { cursor, target: cursor, held: new Map(), fetching: false }
}

export function stepOrdering<E extends { readonly seq: number }>(
  state: Ordering<E>,
  input: OrderingInput<E>,
): OrderingStep<E> {
  switch (input.type) {
    case 'entry':
      return settle(state, [input.entry], input.entry.seq)
    case 'head':
      return settle(state, [], input.head)
    case 'page': {
      const step = settle({ ...state, fetching: false }, input.items, input.head)
      const stuck = step.state.cursor === state.cursor && step.fetchAfter !== undefined
      if (!stuck) return step
      const { fetchAfter: _, ...rest } = step
      return { ...rest, state: { ...step.state, fetching: false }, pause: true }
    }
    case 'failed':
      return { state: { ...state, fetching: false }, deliver: [], ...(isBehind(state) && { pause: true }) }
    case 'retry':
      return settle(state, [], state.target)
    case 'reset': {
      const cursor = Math.max(state.cursor, input.head)
      const held = new Map([...state.held].filter(([seq]) => seq > cursor))
      return settle({ ...state, cursor, held, fetching: false }, [], cursor)
    }
  }
}

const isBehind = (state: { readonly target: number; readonly cursor: number }) => state.target > state.cursor

function settle<E extends { readonly seq: number }>(
  state: Ordering<E>,
  arrived: readonly E[],
  known: number,
): OrderingStep<E> {
  let { cursor } = state
  let target = Math.max(state.target, known)
  const deliver: E[] = []
  let held: ReadonlyMap<number, E> | Map<number, E> = state.held

  // The common case, one entry in its turn, touches no map.
  for (const entry of arrived) {
    target = Math.max(target, entry.seq)
    if (entry.seq <= cursor) continue
    if (entry.seq === cursor + 1) {
      deliver.push(entry)
      cursor = entry.seq
      continue
    }
    if (held === state.held) held = new Map(state.held)
    if (held.size < heldLimit) (held as Map<number, E>).set(entry.seq, entry)
  }
  if (held.size > 0) {
    if (held === state.held) held = new Map(state.held)
    const open = held as Map<number, E>
    for (let next = open.get(cursor + 1); next; next = open.get(cursor + 1)) {
      deliver.push(next)
      cursor = next.seq
    }
    for (const seq of open.keys()) if (seq <= cursor) open.delete(seq)
  }
  const behind = target > cursor
  const fetch = behind && !state.fetching
  return {
    state: { cursor, target, held, fetching: state.fetching || fetch },
    deliver,
    ...(fetch && { fetchAfter: cursor }),
  }
}
