import { createContext, useContext, useSyncExternalStore } from 'react'
import type { Session, State } from '../model/state.ts'
import type { Actions } from './actions.ts'
import type { AppStore } from './wire.ts'

interface AppContextValue {
  readonly store: AppStore
  readonly actions: Actions
}

export const AppContext = createContext<AppContextValue | undefined>(undefined)

function useApp(): AppContextValue {
  const app = useContext(AppContext)
  if (!app) throw new Error('There is no AppContext around this')
  return app
}

export const useActions = (): Actions => useApp().actions

/** `select` answers with what is in the state, or with something simple: what it makes anew renders without end. */
export function useAppState<T>(select: (state: State) => T): T {
  const { store } = useApp()
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}

/** For what is on the screen only while someone is signed in. In the moment of signing out it shows the last state. */
export function useSession<T>(select: (session: Session) => T): T {
  const { store } = useApp()
  return useSyncExternalStore(store.subscribe, () => select(sessionOf(store)))
}

const last = new WeakMap<AppStore, Session>()
function sessionOf(store: AppStore): Session {
  const session = store.get().session ?? last.get(store)
  if (!session) throw new Error('Nobody is signed in')
  last.set(store, session)
  return session
}
