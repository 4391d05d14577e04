import type { Conversation, Member } from '@parley/contracts'
import { LogOut, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { useActions, useSession } from '../../app/context.ts'
import { go } from '../../app/router.ts'
import { useMembers } from '../../app/use-members.ts'
import { useTask } from '../../app/use-task.ts'
import { explain } from '../../model/explain.ts'
import { mayAdd, mayRemove } from '../../model/rights.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/notice.tsx'
import { SkeletonRows } from '../list/skeleton-rows.tsx'
import { AddPeople } from './add-people.tsx'
import styles from './info.module.css'
import { MemberRow } from './member-row.tsx'

export function Members({ conversation }: { conversation: Conversation }) {
  const { removeMember } = useActions()
  const me = useSession((session) => session.me.id)
  const { items, failed, reload } = useMembers(conversation.id)
  const [dialog, setDialog] = useState<'add' | 'leave' | Member>()
  const close = () => setDialog(undefined)
  const mine = items?.find(({ userId }) => userId === me)
  const remove = useTask(async ({ userId }: Pick<Member, 'userId'>) => {
    await removeMember(conversation.id, userId)
    close()
    if (userId === me) go({ at: 'list' }, { replace: true })
  })
  const leaving = dialog === 'leave'
  const asked = leaving ? { userId: me } : typeof dialog === 'object' ? dialog : undefined
  return (
    <>
      <h3 className={styles.count}>
        {conversation.memberCount === 1 ? '1 member' : `${conversation.memberCount} members`}
      </h3>
      {mine && mayAdd(conversation, mine) && (
        <button type="button" className={styles.addRow} onClick={() => setDialog('add')}>
          <UserPlus aria-hidden="true" />
          Add people
        </button>
      )}
      {failed && (
        <Notice action={<Button onClick={reload}>Try again</Button>}>The members could not be loaded.</Notice>
      )}
      {!items && !failed && <SkeletonRows count={Math.min(conversation.memberCount, 4)} />}
      <ul className={styles.members}>
        {items?.map((member) => (
          <MemberRow
            key={member.userId}
            member={member}
            {...(mine && mayRemove(mine, member) && { onRemove: () => setDialog(member) })}
          />
        ))}
      </ul>
      <Button look="danger" className={styles.leave ?? ''} onClick={() => setDialog('leave')}>
        <LogOut size={18} aria-hidden="true" />
        Leave group
      </Button>
      {dialog === 'add' && <AddPeople conversation={conversation} onClose={close} />}
      {asked && (
        <Dialog title={leaving ? 'Leave this group?' : 'Remove this member?'} onClose={close}>
          <p className={styles.question}>
            {leaving
              ? 'You will not see it any more, and only a member can add you again.'
              : 'They will not see the group any more.'}
          </p>
          {remove.error && <Notice>{explain(remove.error)}</Notice>}
          <div className={styles.buttons}>
            <Button onClick={close}>Cancel</Button>
            <Button look="danger" busy={remove.busy} onClick={() => remove.run(asked)}>
              {leaving ? 'Leave' : 'Remove'}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  )
}
