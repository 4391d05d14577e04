import type { PublicUser } from '@parley/contracts'
import { Check } from 'lucide-react'
import { usePresence } from '../../app/use-presence.ts'
import { Avatar } from '../../parts/avatar.tsx'
import styles from './row.module.css'

/** `checked`: one of several to choose from. */
export function PersonRow(props: {
  person: PublicUser
  onClick: () => void
  disabled?: boolean
  checked?: boolean
}) {
  const { person, onClick, disabled, checked } = props
  const status = usePresence(person.id)?.status
  const width = checked === undefined ? styles.wide : ''
  const choice = checked !== undefined && { role: 'checkbox', 'aria-checked': checked }
  return (
    <button type="button" className={styles.row} onClick={onClick} disabled={disabled} {...choice}>
      <Avatar id={person.id} name={person.displayName} status={status} />
      <span className={`${styles.title} ${width}`}>{person.displayName}</span>
      <span className={`${styles.preview} ${width}`}>@{person.username}</span>
      {choice && (
        <span className={styles.add}>
          <Check />
        </span>
      )}
    </button>
  )
}
