/** A value that is replaced as a whole, and those who want to know. */
export interface Store<State, Happening> {
  get(): State
  dispatch(happening: Happening): void
  /** Told once after all that happened in one go: a page of entries is one rendering, not two hundred. */
  subscribe(listener: () => void): () => void
}

export function createStore<State, Happening>(
  initial: State,
  fold: (state: State, happening: Happening) => State,
): Store<State, Happening> {
  let state = initial
  let told = true
  const listeners = new Set<() => void>()

  function tell(): void {
    told = true
    for (const listener of [...listeners]) listener()
  }

  return {
    get: () => state,
    dispatch(happening) {
      const next = fold(state, happening)
      if (next === state) return
      state = next
      if (!told) return
      told = false
      queueMicrotask(tell)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
