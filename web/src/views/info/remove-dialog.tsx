import type { ConversationId, UserId } from '@parley/contracts'
import { useActions, useSession } from '../../app/context.ts'
import { go } from '../../app/router.ts'
import { useTask } from '../../app/use-task.ts'
import { explain } from '../../model/explain.ts'
import { nameOf } from '../../model/names.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/notice.tsx'
import styles from './info.module.css'

/** Asks before somebody is removed; or before I leave, where it is me. */
export function RemoveDialog(props: { id: ConversationId; userId: UserId; onClose: () => void }) {
  const { id, userId, onClose } = props
  const { removeMember } = useActions()
  const leaving = useSession(({ me }) => me.id === userId)
  const name = useSession(({ people }) => nameOf(people, userId))
  const remove = useTask(async () => {
    await removeMember(id, userId)
    onClose()
    if (leaving) go({ at: 'list' }, { replace: true })
  })
  return (
    <Dialog title={leaving ? 'Leave this group?' : `Remove ${name}?`} onClose={onClose}>
      <p className={styles.question}>
        {leaving
          ? 'You will not see it any more, and only a member can add you again.'
          : 'They will not see the group any more.'}
      </p>
      {remove.error && <Notice>{explain(remove.error)}</Notice>}
      <div className={styles.buttons}>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" busy={remove.busy} onClick={() => remove.run()}>
          {leaving ? 'Leave' : 'Remove'}
        </Button>
      </div>
    </Dialog>
  )
}
