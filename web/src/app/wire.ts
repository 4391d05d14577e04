import type { Chat } from '@parley/client'
import type { Happening, State } from '../model/state.ts'
import type { Store } from './store.ts'

export type AppStore = Store<State, Happening>

/** Everything that the client tells becomes a happening of the same name. */
export function wire(chat: Chat, store: AppStore): void {
  const { dispatch } = store
  chat.on('signedIn', (user) => dispatch({ type: 'signed-in', user }))
  chat.on('signedOut', ({ reason }) => dispatch({ type: 'signed-out', reason }))
  chat.on('connection', (connection) => dispatch({ type: 'connection', connection }))
  chat.on('entry', (entry) => dispatch({ type: 'entry', entry }))
  chat.on('stored', (message) => dispatch({ type: 'stored', message }))
  chat.on('outbox', (conversationId) =>
    dispatch({ type: 'outbox', conversationId, items: chat.outbox(conversationId) }),
  )
  chat.on('reset', (reset) => dispatch({ type: 'emptied', ...reset }))
  chat.on('synced', (synced) => dispatch({ type: 'synced', synced }))
  chat.on('conversation:added', ({ conversation }) => dispatch({ type: 'added', conversation }))
  chat.on('conversation:removed', ({ conversationId }) => dispatch({ type: 'removed', conversationId }))
  chat.on('read', (read) => dispatch({ type: 'read', read }))
  chat.on('presence', (presence) => dispatch({ type: 'presence', presence }))
  chat.on('typing', ({ conversationId, userIds }) => dispatch({ type: 'typing', conversationId, userIds }))
  chat.on('failed', ({ conversationId, error, draft }) => {
    // I am not in it any more. While it is open the text still shows; else there is no place left to show it.
    const open = store.get().session?.open === conversationId
    if (error?.code === 'conversation_not_found' && !open) chat.discard(draft.clientId)
  })
}
