import type { Presence, UserId } from '@parley/contracts'
import { useAppState } from './context.ts'

/** What was heard of this person; nothing while there is no connection to hear anything over. */
export function usePresence(id: UserId | undefined): Presence | undefined {
  return useAppState(({ connection, session }) =>
    id !== undefined && connection.status === 'online' ? session?.presence.get(id) : undefined,
  )
}
