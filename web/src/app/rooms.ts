import { asParleyError, type Chat } from '@parley/client'
import {
  type ConversationId,
  getConversation,
  getEntries,
  getHistory,
  type HistoryPage,
  limits,
} from '@parley/contracts'
import { type List, showOutbox } from './list.ts'
import type { AppStore } from './wire.ts'

const pageMessages = 50
/** What is already read and stands above the first new message, so that one knows what it answers to. */
const contextMessages = 20

/** Loads what an open conversation shows. */
export interface Rooms {
  /** This conversation is on the screen from now on; or none. */
  show(id: ConversationId | undefined): void
  loadOlder(id: ConversationId): Promise<void>
  /** After a failure. */
  reload(id: ConversationId): Promise<void>
}

export function createRooms(chat: Chat, store: AppStore, list: List): Rooms {
  /** A newer load of the same conversation makes the answer of an older one worthless. */
  const loads = new Map<ConversationId, symbol>()
  let wanted: ConversationId | undefined
  const roomOf = (id: ConversationId) => store.get().session?.rooms.get(id)
  const itemOf = (id: ConversationId) => store.get().session?.inbox.items.get(id)

  async function load(id: ConversationId, read: () => Promise<HistoryPage>): Promise<void> {
    const mine = Symbol(id)
    loads.set(id, mine)
    store.dispatch({ type: 'page-requested', conversationId: id })
    try {
      const page = await read()
      if (loads.get(id) !== mine) return
      store.dispatch({ type: 'page-loaded', conversationId: id, page })
      loads.delete(id)
      await loadLines(id, page)
    } catch (error) {
      if (loads.get(id) !== mine) return
      loads.delete(id)
      if (asParleyError(error).code === 'conversation_not_found') {
        store.dispatch({ type: 'removed', conversationId: id })
      } else store.dispatch({ type: 'page-failed', conversationId: id })
    }
  }

  const history = (id: ConversationId, query: { limit: number; before?: number }) =>
    chat.call(getHistory, { params: { conversationId: id }, query })

  function loadNewest(id: ConversationId): Promise<void> {
    return load(id, async () => {
      if (!itemOf(id)) {
        const conversation = await chat.call(getConversation, { params: { conversationId: id } })
        store.dispatch({ type: 'added', conversation })
      }
      // Followed before it is read: an entry that comes in between is in the page or in the stream.
      if (chat.cursor(id) === undefined) {
        chat.follow(id, itemOf(id)?.head || (await history(id, { limit: 1 })).asOf)
      }
      const fromUnread = (itemOf(id)?.unread ?? 0) + contextMessages
      return history(id, { limit: Math.min(limits.pageItems, Math.max(pageMessages, fromUnread)) })
    })
  }

  /** Pages hold messages only. Where seqs are missing between them, somebody may have come or gone. */
  async function loadLines(id: ConversationId, { fromSeq, toSeq, items }: HistoryPage): Promise<void> {
    let after = Math.max(0, fromSeq - 1)
    if (toSeq - after === items.length) return
    while (after < toSeq) {
      const limit = Math.min(limits.pageItems, toSeq - after)
      const page = await chat
        .call(getEntries, { params: { conversationId: id }, query: { after, limit } })
        .catch(() => undefined)
      const last = page?.items.at(-1)
      if (!page || !last) return
      store.dispatch({ type: 'lines-loaded', conversationId: id, entries: page.items })
      after = last.seq
    }
  }

  chat.on('reset', ({ conversationId }) => {
    loads.delete(conversationId)
    if (store.get().session?.open === conversationId) void loadNewest(conversationId)
  })
  chat.on('synced', () => {
    const open = store.get().session?.open
    if (open !== undefined && roomOf(open)?.failed) void reload(open)
  })
  chat.on('signedIn', () => {
    if (wanted !== undefined) void open(wanted)
  })
  chat.on('signedOut', () => loads.clear())

  async function loadOlder(id: ConversationId): Promise<void> {
    const view = roomOf(id)?.view
    if (view?.from === undefined || view.loading || !view.hasOlder) return
    const before = view.from
    await load(id, () => history(id, { limit: pageMessages, before }))
  }

  async function reload(id: ConversationId): Promise<void> {
    if (roomOf(id)?.view.from === undefined) await loadNewest(id)
    else await loadOlder(id)
  }

  async function open(id: ConversationId): Promise<void> {
    await list.ready
    const { session } = store.get()
    if (wanted !== id || !session || session.open === id) return
    store.dispatch({ type: 'opened', conversationId: id })
    showOutbox(chat, store, id)
    if (roomOf(id)?.view.from === undefined && !loads.has(id)) await loadNewest(id)
  }

  return {
    show(id) {
      wanted = id
      if (id === undefined) store.dispatch({ type: 'left' })
      else void open(id)
    },
    loadOlder,
    reload,
  }
}
