import type { MouseEvent, ReactNode } from 'react'
import { go } from '../app/router.ts'
import { pathOf, type Route } from '../model/routes.ts'

/** A link to a place of the app. Opening it in a new tab works as with any link. */
export function Place(props: { to: Route; current: boolean; className?: string; children: ReactNode }) {
  function follow(event: MouseEvent): void {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    go(props.to)
  }
  return (
    <a
      href={pathOf(props.to)}
      className={props.className}
      aria-current={props.current ? 'page' : undefined}
      onClick={follow}
    >
      {props.children}
    </a>
  )
}
