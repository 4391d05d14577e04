import type { Conversation, UserId } from '@parley/contracts'
import { LogOut, UserPlus } from 'lucide-react'
import { useState } from 'react'
import { useSession } from '../../app/context.ts'
import { useMembers } from '../../app/use-members.ts'
import { mayAdd, mayRemove } from '../../model/rights.ts'
import { Button } from '../../parts/button.tsx'
import { Notice } from '../../parts/notice.tsx'
import { SkeletonRows } from '../list/skeleton-rows.tsx'
import { AddPeople } from './add-people.tsx'
import styles from './info.module.css'
import { MemberRow } from './member-row.tsx'
import { RemoveDialog } from './remove-dialog.tsx'

export function Members({ conversation }: { conversation: Conversation }) {
  const { id, memberCount } = conversation
  const me = useSession((session) => session.me.id)
  const { items, failed, reload } = useMembers(id)
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<UserId>()
  const mine = items?.find(({ userId }) => userId === me)
  return (
    <>
      <h3 className={styles.count}>{memberCount === 1 ? '1 member' : `${memberCount} members`}</h3>
      {mine && mayAdd(conversation, mine) && (
        <button type="button" className={styles.addRow} onClick={() => setAdding(true)}>
          <UserPlus aria-hidden="true" />
          Add people
        </button>
      )}
      {failed && (
        <Notice action={<Button onClick={reload}>Try again</Button>}>The members could not be loaded.</Notice>
      )}
      {!items && !failed && <SkeletonRows count={Math.min(memberCount, 4)} />}
      <ul>
        {items?.map((member) => (
          <MemberRow
            key={member.userId}
            member={member}
            {...(mine && mayRemove(mine, member) && { onRemove: () => setRemoving(member.userId) })}
          />
        ))}
      </ul>
      <Button look="danger" className={styles.leave ?? ''} onClick={() => setRemoving(me)}>
        <LogOut size={18} aria-hidden="true" />
        Leave group
      </Button>
      {adding && <AddPeople conversation={conversation} onClose={() => setAdding(false)} />}
      {removing && <RemoveDialog id={id} userId={removing} onClose={() => setRemoving(undefined)} />}
    </>
  )
}
