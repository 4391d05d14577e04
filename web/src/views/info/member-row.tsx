import type { Member } from '@parley/contracts'
import { UserMinus } from 'lucide-react'
import { useSession } from '../../app/context.ts'
import { locale } from '../../app/locale.ts'
import { useNow } from '../../app/use-now.ts'
import { usePresence } from '../../app/use-presence.ts'
import { presenceWords } from '../../model/presence.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { IconButton } from '../../parts/button.tsx'
import styles from './info.module.css'

export function MemberRow({ member, onRemove }: { member: Member; onRemove?: () => void }) {
  const person = useSession(({ people }) => people.get(member.userId))
  const me = useSession((session) => session.me.id)
  const presence = usePresence(member.userId)
  const now = useNow()
  const name = person?.displayName ?? ''
  return (
    <li className={styles.member}>
      <Avatar id={member.userId} name={name} status={presence?.status} />
      <span className={styles.name}>{member.userId === me ? `${name} (you)` : name}</span>
      <span className={styles.below}>
        {presenceWords(presence, now, locale) || (person && `@${person.username}`)}
      </span>
      {member.role !== 'member' && <span className={styles.role}>{member.role}</span>}
      {onRemove && <IconButton label={`Remove ${name}`} icon={<UserMinus />} onClick={onRemove} />}
    </li>
  )
}
