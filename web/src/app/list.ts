import type { Chat } from '@parley/client'
import { listConversations } from '@parley/contracts'
import type { AppStore } from './wire.ts'

const pageItems = 100

/** Reads the list of conversations, and reads it again when it may have changed unseen. */
export interface List {
  load(): Promise<void>
  loadMore(): Promise<void>
  /** The first page came, or could not be had. */
  readonly ready: Promise<void>
}

export function createList(chat: Chat, store: AppStore): List {
  let running: Promise<void> | undefined
  let again = false

  async function read(cursor: string | undefined): Promise<void> {
    const owner = chat.user()?.id
    store.dispatch({ type: 'list-requested' })
    try {
      const query = { limit: pageItems, ...(cursor !== undefined && { cursor }) }
      const page = await chat.call(listConversations, { query })
      if (chat.user()?.id !== owner) return
      // The streams begin where the list stood: what came since is fetched, and nothing is told twice.
      for (const { conversation, head } of page.items) chat.follow(conversation.id, head)
      store.dispatch({ type: 'list-loaded', ...page, more: cursor !== undefined })
      for (const { conversation } of page.items) showOutbox(chat, store, conversation.id)
    } catch {
      if (chat.user()?.id === owner) store.dispatch({ type: 'list-failed' })
    }
  }

  /** One at a time. What asks meanwhile gets a list that was read after it asked. */
  function run(cursor?: string): Promise<void> {
    running ??= read(cursor).finally(() => {
      running = undefined
      if (!again) return
      again = false
      void run()
    })
    return running
  }

  async function load(): Promise<void> {
    if (running) again = true
    await run()
  }

  chat.on('synced', () => void load())
  chat.on('conversation:added', () => void load())
  chat.on('entry', ({ conversationId }) => {
    if (!store.get().session?.inbox.items.has(conversationId)) void load()
  })

  return {
    load,
    async loadMore() {
      const cursor = store.get().session?.inbox.cursor
      if (cursor && !running) await run(cursor)
    },
    get ready() {
      return running ?? Promise.resolve()
    },
  }
}

/** What an earlier run left unsent is in the client before anyone listens. */
export function showOutbox(chat: Chat, store: AppStore, conversationId: Parameters<Chat['outbox']>[0]): void {
  const items = chat.outbox(conversationId)
  if (items.length > 0) store.dispatch({ type: 'outbox', conversationId, items })
}
