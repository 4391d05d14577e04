import { useSyncExternalStore } from 'react'
import { parentOf, parseRoute, pathOf, type Route } from '../model/routes.ts'
import type { Actions } from './actions.ts'

const listeners = new Set<() => void>()
let current = parseRoute(location.pathname)

function changed(): void {
  current = parseRoute(location.pathname)
  for (const listener of [...listeners]) listener()
}
addEventListener('popstate', changed)

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export const useRoute = (): Route => useSyncExternalStore(subscribe, () => current)

/** `replace`: "back" shall not lead here again. */
export function go(route: Route, how: { replace?: boolean } = {}): void {
  const path = pathOf(route)
  if (path === location.pathname) return
  if (how.replace) history.replaceState(history.state, '', path)
  else history.pushState({ from: location.pathname }, '', path)
  changed()
}

/** Back to where one came from if that is the parent; else to the parent. */
export function goUp(): void {
  const parent = parentOf(current)
  const from = (history.state as { from?: unknown } | null)?.from
  if (from === pathOf(parent)) history.back()
  else go(parent, { replace: true })
}

/** Tells the app which conversation is open. */
export function followRoute(actions: Pick<Actions, 'show'>): void {
  const follow = () => actions.show(current.at === 'conversation' ? current.id : undefined)
  listeners.add(follow)
  follow()
}
