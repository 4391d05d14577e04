import { LogOut } from 'lucide-react'
import { useActions, useSession } from '../../app/context.ts'
import { useTask } from '../../app/use-task.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/notice.tsx'
import styles from './sidebar.module.css'

export function AccountDialog({ onClose }: { onClose: () => void }) {
  const me = useSession((session) => session.me)
  const { logout, unsentCount } = useActions()
  const signOut = useTask(logout)
  const unsent = unsentCount()
  return (
    <Dialog title="Your account" onClose={onClose}>
      <div className={styles.account}>
        <Avatar id={me.id} name={me.displayName} size="large" />
        <strong>{me.displayName}</strong>
        <span>@{me.username}</span>
      </div>
      <div className={styles.actions}>
        {unsent > 0 && (
          <Notice>
            {unsent === 1 ? 'One message is' : `${unsent} messages are`} not sent yet and would be lost.
          </Notice>
        )}
        <Button look="danger" busy={signOut.busy} onClick={() => signOut.run()}>
          <LogOut size={18} aria-hidden="true" />
          {unsent > 0 ? 'Sign out anyway' : 'Sign out'}
        </Button>
      </div>
    </Dialog>
  )
}
