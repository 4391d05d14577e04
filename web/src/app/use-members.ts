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
  const changes = useSession(
    ({ rooms }) => rooms.get(id)?.lines.findLast(({ kind }) => kind === 'member')?.seq ?? 0,
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
