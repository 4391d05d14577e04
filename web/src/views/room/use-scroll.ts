import type { ConversationId } from '@parley/contracts'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useActions } from '../../app/context.ts'
import { useWindowActive } from '../../app/use-window-active.ts'
import type { Room } from '../../model/state.ts'
import type { Row } from '../../model/timeline.ts'
import { atTheEnd, isResized, type Position, positionIn, standAt, standAtStart } from './scroll-position.ts'

/** Older messages are fetched when less than this is left above. */
const nearTopPx = 900

/**
 * Where the messages stand. At the end it stays at the end, whatever grows. Away from it what one reads stays where it
 * is, also when older messages come in above. It begins at the first new message, or at the end.
 */
export function useScroll(id: ConversationId, room: Room | undefined, rows: readonly Row[]) {
  const { loadOlder } = useActions()
  const ref = useRef<HTMLElement>(null)
  const position = useRef<Position>(undefined)
  /** Unknown before there is anything to stand in: opened is not read. */
  const [atEnd, setAtEnd] = useState<boolean>()
  const from = room?.view.from
  const own = lastOwn(room, rows)
  const ownBefore = useRef(own)

  const note = useCallback((box: HTMLElement) => {
    position.current = positionIn(box)
    setAtEnd(position.current.atEnd)
  }, [])

  const loadMore = useCallback(() => {
    const near = ref.current !== null && ref.current.scrollTop < nearTopPx
    if (near && room?.view.hasOlder && !room.failed) void loadOlder(id)
  }, [id, room?.view.hasOlder, room?.failed, loadOlder])

  // biome-ignore lint/correctness/useExhaustiveDependencies: after each rendering of other rows
  useLayoutEffect(() => {
    const box = ref.current
    if (!box || from === undefined) {
      position.current = undefined
      return
    }
    // What I write myself is at the end, and I want to see it there.
    if (!position.current) standAtStart(box)
    else standAt(box, own === ownBefore.current ? position.current : atTheEnd)
    ownBefore.current = own
    note(box)
  }, [rows, from, own, note])

  useResize(ref, (box) => {
    if (!position.current) return
    standAt(box, position.current)
    note(box)
  })

  // Also without scrolling: what is loaded may not fill the screen.
  useEffect(() => {
    if (from !== undefined) loadMore()
  }, [from, loadMore])

  useAttention(id, from !== undefined && atEnd === true)

  return {
    ref,
    atEnd,
    onScroll() {
      const box = ref.current
      if (box && position.current && !isResized(box, position.current)) note(box)
      loadMore()
    },
    toEnd: () => ref.current?.scrollTo({ top: ref.current.scrollHeight, behavior: 'smooth' }),
  }
}

/** The window, the keyboard, a font: whatever changes sizes without a rendering. */
function useResize(ref: { readonly current: HTMLElement | null }, resized: (box: HTMLElement) => void): void {
  const latest = useRef(resized)
  latest.current = resized
  useEffect(() => {
    const box = ref.current
    if (!box) return
    const observer = new ResizeObserver(() => latest.current(box))
    for (const element of [box, ...box.children]) observer.observe(element)
    return () => observer.disconnect()
  }, [ref])
}

/** Says that someone looks at the end of this conversation, as long as someone does. */
function useAttention(id: ConversationId, inSight: boolean): void {
  const { attend } = useActions()
  const active = useWindowActive()
  useEffect(() => {
    attend(id, active && inSight)
    return () => attend(id, false)
  }, [id, active, inSight, attend])
}

function lastOwn(room: Room | undefined, rows: readonly Row[]): string {
  const row = rows.findLast((each) => each.kind === 'group' && each.senderId === room?.view.me)
  return row?.kind === 'group' ? (row.items.at(-1)?.clientId ?? '') : ''
}
