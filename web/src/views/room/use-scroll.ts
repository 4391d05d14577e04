import type { ConversationId } from '@parley/contracts'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useActions } from '../../app/context.ts'
import { useWindowActive } from '../../app/use-window-active.ts'
import type { Room } from '../../model/state.ts'
import type { Row } from '../../model/timeline.ts'

const nearBottomPx = 48
/** Older messages are fetched when less than this is left above. */
const nearTopPx = 900

/**
 * Where the messages stand. At the end it stays at the end, whatever grows. Away from it what one reads stays where it
 * is, also when older messages come in above. It begins at the first new message, or at the end.
 */
export function useScroll(id: ConversationId, room: Room | undefined, rows: readonly Row[]) {
  const { attend, loadOlder } = useActions()
  const ref = useRef<HTMLElement>(null)
  /** Unknown before there is anything to stand in: opened is not read. */
  const [atBottom, setAtBottom] = useState<boolean>()
  /** As of the last rendering or scrolling: what the next rendering is compared with. */
  const before = useRef({ stuck: true, height: 0, view: 0, from: undefined as number | undefined, own: '' })
  const loaded = room?.view.from !== undefined
  const active = useWindowActive()

  const measure = useCallback(() => {
    const box = ref.current
    if (!box) return
    const stuck = box.scrollHeight - box.scrollTop - box.clientHeight < nearBottomPx
    before.current.stuck = stuck
    before.current.height = box.scrollHeight
    before.current.view = box.clientHeight
    setAtBottom(stuck)
  }, [])

  const loadMore = useCallback(() => {
    if (ref.current && ref.current.scrollTop < nearTopPx && room?.view.hasOlder && !room.failed) {
      void loadOlder(id)
    }
  }, [id, room?.view.hasOlder, room?.failed, loadOlder])

  useLayoutEffect(() => {
    const box = ref.current
    if (!box || !loaded) return
    const { stuck, height, from, own } = before.current
    const latestOwn = lastOwn(room, rows)
    before.current.own = latestOwn
    before.current.from = room.view.from
    if (from === undefined) box.scrollTop = firstNewTop(box) ?? box.scrollHeight
    else if (stuck || latestOwn !== own) box.scrollTop = box.scrollHeight
    else if (room.view.from !== from) box.scrollTop += box.scrollHeight - height
    measure()
  }, [room, rows, loaded, measure])

  // The window, the keyboard, a font: whatever changes sizes without a rendering.
  useEffect(() => {
    const box = ref.current
    if (!box) return
    const observer = new ResizeObserver(() => {
      if (before.current.stuck) box.scrollTop = box.scrollHeight
      if (before.current.from !== undefined) measure()
    })
    observer.observe(box)
    for (const child of box.children) observer.observe(child)
    return () => observer.disconnect()
  }, [measure])

  useEffect(() => {
    if (loaded) loadMore()
  }, [loaded, loadMore])

  const attended = loaded && active && atBottom === true
  useEffect(() => {
    attend(id, attended)
    return () => attend(id, false)
  }, [id, attended, attend])

  return {
    ref,
    atBottom,
    onScroll() {
      // A browser scrolls also because a size changed: that is not a wish to leave the end, and the observer sees it next.
      const { view, height } = before.current
      if (ref.current?.clientHeight === view && ref.current.scrollHeight === height) measure()
      loadMore()
    },
    toBottom: () => ref.current?.scrollTo({ top: ref.current.scrollHeight, behavior: 'smooth' }),
  }
}

function lastOwn(room: Room, rows: readonly Row[]): string {
  const row = rows.findLast((each) => each.kind === 'group' && each.senderId === room.view.me)
  return row?.kind === 'group' ? (row.items.at(-1)?.clientId ?? '') : ''
}

/** So that a little of what is known stands above what is new. */
function firstNewTop(box: HTMLElement): number | undefined {
  const mark = box.querySelector<HTMLElement>('[data-new]')
  return mark ? mark.offsetTop - box.clientHeight / 4 : undefined
}
