import { useSyncExternalStore } from 'react'

function subscribe(listener: () => void): () => void {
  const events = ['focus', 'blur', 'visibilitychange'] as const
  for (const name of events) addEventListener(name, listener, true)
  return () => {
    for (const name of events) removeEventListener(name, listener, true)
  }
}

/** Whether the window is in front of someone: only then is anything read. */
export const useWindowActive = (): boolean =>
  useSyncExternalStore(subscribe, () => document.visibilityState === 'visible' && document.hasFocus())
