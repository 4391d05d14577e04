import { memo } from 'react'
import { useSession } from '../../app/context.ts'
import { hueOf, nameOf } from '../../model/names.ts'
import type { Usernames } from '../../model/text.ts'
import type { Row } from '../../model/timeline.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { Bubble } from './bubble.tsx'
import styles from './message.module.css'

/** What one person said in one go. */
export const MessageGroup = memo(function MessageGroup(props: {
  group: Extract<Row, { kind: 'group' }>
  usernames: Usernames
  direct: boolean
}) {
  const { group, usernames, direct } = props
  const me = useSession((session) => session.me.id)
  const name = useSession((session) => nameOf(session.people, group.senderId))
  const mine = group.senderId === me
  const shown = !mine && !direct
  return (
    <li className={`${styles.group} ${mine ? styles.mine : ''}`}>
      {shown && (
        <div className={styles.face}>
          <Avatar id={group.senderId} name={name} size="small" />
        </div>
      )}
      <div className={styles.bubbles}>
        {shown ? (
          <h3 className={`${styles.name} ${styles[`ink${hueOf(group.senderId)}`]}`}>{name || '…'}</h3>
        ) : (
          <h3 className="unseen">{mine ? 'You' : name}</h3>
        )}
        {group.items.map((item) => (
          <Bubble key={item.key} item={item} usernames={usernames} me={me} />
        ))}
      </div>
    </li>
  )
})
