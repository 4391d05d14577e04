import type { ConversationId } from '@parley/contracts'
import { MessageCircleOff } from 'lucide-react'
import { useActions, useSession } from '../../app/context.ts'
import { go } from '../../app/router.ts'
import { Button } from '../../parts/button.tsx'
import { Empty } from '../../parts/empty.tsx'
import { Composer } from './composer.tsx'
import { RoomHeader } from './header.tsx'
import styles from './room.module.css'
import { Timeline } from './timeline.tsx'

export function Room({ id }: { id: ConversationId }) {
  const conversation = useSession(({ inbox }) => inbox.items.get(id)?.conversation)
  const gone = useSession(({ inbox, open, rooms }) => open === id && !rooms.has(id) && !inbox.items.has(id))
  if (gone) return <Gone id={id} />
  return (
    <div className={styles.room}>
      <RoomHeader id={id} conversation={conversation} />
      <Timeline id={id} />
      <Composer id={id} />
    </div>
  )
}

function Gone({ id }: { id: ConversationId }) {
  const { discard } = useActions()
  const unsent = useSession(({ outboxes }) => outboxes.get(id))
  function leave(): void {
    for (const { draft } of unsent ?? []) discard(draft.clientId)
    go({ at: 'list' }, { replace: true })
  }
  return (
    <Empty icon={<MessageCircleOff />} title="This conversation is not here">
      <p>You may have left it, or someone removed you.</p>
      {unsent && (
        <div className={styles.lost}>
          <p>Not sent any more:</p>
          {unsent.map(({ draft }) => (
            <blockquote key={draft.clientId}>{draft.text}</blockquote>
          ))}
        </div>
      )}
      <Button onClick={leave}>Back to your chats</Button>
    </Empty>
  )
}
