import type { ConversationId } from '@parley/contracts'
import { useSession } from '../../app/context.ts'
import { nameOf } from '../../model/names.ts'

/** Reads new messages of others aloud. The list itself does not: older messages that come in above are no news. */
export function Announcer({ id }: { id: ConversationId }) {
  const words = useSession(({ rooms, people, me }) => {
    const room = rooms.get(id)
    const last = room?.view.messages.at(-1)
    if (!room || !last || last.senderId === me.id || last.seq <= (room.openedAt ?? last.seq)) return ''
    return `${nameOf(people, last.senderId)}: ${last.text}`
  })
  return (
    <p className="unseen" aria-live="polite">
      {words}
    </p>
  )
}
