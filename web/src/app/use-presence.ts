import type { Presence, UserId } from '@parley/contracts'
import { isFresh } from '../model/connection.ts'
import { useAppState } from './context.ts'

/** What was heard of this person; nothing while nothing can be heard. */
export function usePresence(id: UserId | undefined): Presence | undefined {
  return useAppState(({ connection, session }) =>
    id !== undefined && isFresh(connection) ? session?.presence.get(id) : undefined,
  )
}
