import { type ComponentProps, type ReactNode, useId } from 'react'
import styles from './field.module.css'

/** A labelled input. The room for hint or error is always there, so that nothing jumps. */
export function Field(
  props: ComponentProps<'input'> & {
    label: string
    hint?: string | undefined
    error?: string | undefined
    end?: ReactNode
  },
) {
  const { label, hint, error, end, ...input } = props
  const id = useId()
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.box}>
        <input
          {...input}
          id={id}
          aria-invalid={error !== undefined}
          aria-describedby={error || hint ? `${id}-note` : undefined}
        />
        {end}
      </div>
      <p id={`${id}-note`} className={error ? styles.error : styles.hint} aria-live="polite">
        {error ?? hint}
      </p>
    </div>
  )
}
