import type { ConversationId, Member } from '@parley/contracts'
import { useCallback, useEffect, useState } from 'react'
import { useActions, useSession } from './context.ts'

export interface Members {
  readonly items?: readonly Member[]
  readonly failed: boolean
  readonly reload: () => void
}

/** The members with their roles, read again whenever somebody came, went or changed. */
export function useMembers(id: ConversationId): Members {
  const { members } = useActions()
  const [items, setItems] = useState<readonly Member[]>()
  const [failed, setFailed] = useState(false)
  const [tries, setTries] = useState(0)
  // That I am out myself is no reason to ask: the answer would be that there is no such conversation.
  const changes = useSession(
    ({ rooms, me }) =>
      rooms
        .get(id)
        ?.lines.findLast(
          (line) => line.kind === 'member' && !(line.userId === me.id && line.change === 'removed'),
        )?.seq ?? 0,
  )
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change or another try is a reason to read again
  useEffect(() => {
    let current = true
    setFailed(false)
    members(id).then(
      (read) => current && setItems(read),
      () => current && setFailed(true),
    )
    return () => {
      current = false
    }
  }, [id, members, changes, tries])
  const reload = useCallback(() => setTries((count) => count + 1), [])
  return { ...(items && { items }), failed, reload }
}
