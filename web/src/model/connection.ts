import type { ConnectionState } from '@parley/client'

/** After this many tries in vain it is no hiccup any more. */
const patience = 3

/** A connection that comes back with the first try changes nothing of what was known about others. */
export const isFresh = (connection: ConnectionState): boolean =>
  connection.status === 'online' || ('attempt' in connection && connection.attempt < 2)

export function connectionWords(connection: ConnectionState, networkThere: boolean): string {
  if (!networkThere) return 'You are offline. What you write is sent later.'
  const tries = 'attempt' in connection ? connection.attempt : 0
  return tries <= patience ? 'Connecting…' : 'No connection. What you write is sent later.'
}
