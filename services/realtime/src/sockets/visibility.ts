import type { Presence, UserId } from '@parley/contracts'
import type { Backend } from '../backend.ts'
import { userIn, userRoom } from '../rooms/names.ts'
import type { ChatServer } from './types.ts'

/**
 * Who has chosen to be invisible: they type and read in secret. It is asked when it first matters, and kept as long as
 * the person has a socket here, with what `presence.changed` tells.
 */
export interface Visibility {
  /** Yes, too, where it cannot be learned: a receipt that is missing does less harm than one that tells. */
  isHidden(userId: UserId): Promise<boolean>
  changed(items: readonly Presence[], hidden: readonly UserId[]): void
}

interface Known {
  readonly hidden: boolean
  readonly rev: number
}

export function createVisibility(deps: { io: ChatServer; backend: Pick<Backend, 'visibility'> }): Visibility {
  const { adapter } = deps.io.of('/')
  const known = new Map<UserId, Known>()
  const asking = new Map<UserId, Promise<boolean>>()

  adapter.on('delete-room', (room: string) => {
    const userId = userIn(room)
    if (userId) known.delete(userId)
  })

  function learn(userId: UserId, news: Known): void {
    if (!adapter.rooms.has(userRoom(userId))) return
    if (news.rev >= (known.get(userId)?.rev ?? 0)) known.set(userId, news)
  }

  async function ask(userId: UserId): Promise<boolean> {
    try {
      const answer = await deps.backend.visibility(userId)
      learn(userId, answer)
      return known.get(userId)?.hidden ?? answer.hidden
    } catch {
      return true
    } finally {
      asking.delete(userId)
    }
  }

  return {
    async isHidden(userId) {
      const found = known.get(userId)
      if (found) return found.hidden
      const asked = asking.get(userId) ?? ask(userId)
      asking.set(userId, asked)
      return asked
    },
    changed(items, hidden) {
      for (const { userId, rev = 0 } of items) learn(userId, { hidden: hidden.includes(userId), rev })
    },
  }
}
