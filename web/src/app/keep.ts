import type { Chat } from '@parley/client'
import type { UserId } from '@parley/contracts'
import { watched } from './people.ts'
import type { AppStore } from './wire.ts'

const watchedPeople = 200
/**
 * Of people with whom one shares no conversation nothing is told, and a conversation that was just begun may not be
 * known everywhere yet: who is missing is asked for again, after these pauses.
 */
const askAgainMs = [1_000, 3_000, 10_000, 30_000]

/** What follows from the state by itself: whom to watch, and what was read. */
export function keep(chat: Chat, store: AppStore): void {
  let watching = ''
  let timer: ReturnType<typeof setTimeout> | undefined

  function watch(): void {
    const { session } = store.get()
    const ids = session ? watched(session, watchedPeople) : []
    const wanted = [...ids].sort().join()
    if (wanted === watching) return
    watching = wanted
    clearTimeout(timer)
    if (!session) return
    chat.watchPresence(ids)
    lookAgain(ids, 0)
  }

  function lookAgain(ids: readonly UserId[], times: number): void {
    const pauseMs = askAgainMs[times]
    if (pauseMs === undefined) return
    timer = setTimeout(() => {
      const known = store.get().session?.presence
      const { status } = chat.connection()
      if (status === 'online' && ids.every((id) => known?.has(id))) return
      if (status === 'online') chat.watchPresence(ids)
      lookAgain(ids, status === 'online' ? times + 1 : times)
    }, pauseMs)
  }

  function markRead(): void {
    const { session } = store.get()
    if (session?.open === undefined) return
    const room = session.rooms.get(session.open)
    const item = session.inbox.items.get(session.open)
    const last = room?.view.messages.at(-1)?.seq ?? 0
    if (room?.attended && item && last > item.readSeq) chat.markRead(session.open, last)
  }

  store.subscribe(watch)
  store.subscribe(markRead)
}
