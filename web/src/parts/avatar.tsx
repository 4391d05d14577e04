import type { PresenceStatus } from '@parley/contracts'
import { UsersRound } from 'lucide-react'
import { hueOf, initials } from '../model/names.ts'
import styles from './avatar.module.css'

/** The picture of a person or group. It says nothing that the name beside it does not say. */
export function Avatar(props: {
  id: string
  name: string
  size?: 'small' | 'large'
  group?: boolean
  status?: PresenceStatus | undefined
}) {
  const { id, name, size, group, status } = props
  const classes = [styles.avatar, styles[`hue${hueOf(id)}`], size && styles[size], group && styles.group]
  return (
    <span className={classes.filter(Boolean).join(' ')} aria-hidden="true">
      {group ? <UsersRound /> : initials(name)}
      {status && status !== 'offline' && <span className={`${styles.dot} ${styles[status]}`} />}
    </span>
  )
}
