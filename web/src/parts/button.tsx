import type { ComponentProps, ReactNode } from 'react'
import styles from './button.module.css'

type Look = 'plain' | 'primary' | 'danger'

/** `busy`: it was pressed and has no answer yet. It keeps its width. */
export function Button(props: ComponentProps<'button'> & { look?: Look; busy?: boolean }) {
  const { look = 'plain', busy = false, children, className = '', disabled, ...rest } = props
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled === true || busy}
      aria-busy={busy}
      className={`${styles.button} ${styles[look]} ${busy ? styles.busy : ''} ${className}`}
    >
      <span className={styles.label}>{children}</span>
    </button>
  )
}

/** The label is read aloud and shows as a tooltip. */
export function IconButton(
  props: Omit<ComponentProps<'button'>, 'children'> & { label: string; icon: ReactNode },
) {
  const { label, icon, className = '', ...rest } = props
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={`${styles.icon} ${className}`}
    >
      {icon}
    </button>
  )
}
