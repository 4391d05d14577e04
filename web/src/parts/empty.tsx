import type { ReactNode } from 'react'
import styles from './empty.module.css'

/** Nothing is here, and what one can do about it. */
export function Empty(props: { icon: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <div className={styles.icon} aria-hidden="true">
        {props.icon}
      </div>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  )
}
