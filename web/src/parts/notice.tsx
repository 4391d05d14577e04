import type { ReactNode } from 'react'
import styles from './notice.module.css'

/** Something went wrong, or wants to be known, at this place. */
export function Notice(props: { tone?: 'alert' | 'calm'; children: ReactNode; action?: ReactNode }) {
  const { tone = 'alert', children, action } = props
  return (
    <div className={`${styles.notice} ${styles[tone]}`} role={tone === 'alert' ? 'alert' : 'status'}>
      <p>{children}</p>
      {action}
    </div>
  )
}
