import type { ConversationId } from '@parley/contracts'
import { useActions } from '../../app/context.ts'
import type { Room } from '../../model/state.ts'
import { Button } from '../../parts/button.tsx'
import { Notice } from '../../parts/notice.tsx'
import styles from './timeline.module.css'

/** Above the first message that is loaded. It takes its place also where it has nothing to say. */
export function TimelineTop(props: { id: ConversationId; room: Room | undefined; empty: boolean }) {
  const { id, room, empty } = props
  const { reload } = useActions()
  const loaded = room?.view.from !== undefined
  const retry = <Button onClick={() => void reload(id)}>Try again</Button>
  return (
    <div className={styles.top}>
      {room?.failed && <Notice action={retry}>The messages could not be loaded.</Notice>}
      {!room?.failed && (!loaded || room.view.loading) && (
        <span className={styles.spinner} role="status" aria-label="Loading messages" />
      )}
      {loaded && !room.view.hasOlder && empty && (
        <p className={styles.begin}>This is where your conversation begins.</p>
      )}
    </div>
  )
}
