import { ArrowLeft, X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { goUp } from '../app/router.ts'
import { IconButton } from './button.tsx'
import styles from './pane.module.css'

/** A screen of its own on a phone, beside or in place of the conversation elsewhere. Escape leads back. */
export function Pane(props: { title: string; beside?: boolean; children: ReactNode }) {
  const { title, beside = false, children } = props
  const id = useId()
  const ref = useRef<HTMLElement>(null)
  useEffect(() => {
    const before = document.activeElement
    ref.current?.focus()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <section
      ref={ref}
      className={`${styles.pane} ${beside ? styles.beside : styles.instead}`}
      aria-labelledby={id}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) goUp()
      }}
    >
      <header className={styles.header}>
        <IconButton className={styles.back ?? ''} label="Back" icon={<ArrowLeft />} onClick={goUp} />
        <h2 id={id}>{title}</h2>
        <IconButton className={styles.close ?? ''} label="Close" icon={<X />} onClick={goUp} />
      </header>
      <div className={styles.content}>{children}</div>
    </section>
  )
}
