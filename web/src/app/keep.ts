import type { Chat } from '@parley/client'
import { watched } from './people.ts'
import type { AppStore } from './wire.ts'

const watchedPeople = 200

/** What follows from the state by itself: whom to watch, and what was read. */
export function keep(chat: Chat, store: AppStore): void {
  let watching = ''

  function watch(): void {
    const { session } = store.get()
    if (!session) {
      watching = ''
      return
    }
    const ids = watched(session, watchedPeople)
    const wanted = [...ids].sort().join()
    if (wanted === watching) return
    watching = wanted
    chat.watchPresence(ids)
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
