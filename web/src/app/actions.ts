import type { Chat } from '@parley/client'
import {
  addMembers,
  type Conversation,
  type ConversationId,
  createConversation,
  findUsers,
  listMembers,
  type Member,
  type PublicUser,
  removeMember,
  type UserId,
  updateConversation,
} from '@parley/contracts'
import { mentionedIn, type Usernames } from '../model/text.ts'
import { createList } from './list.ts'
import { createRooms, type Rooms } from './rooms.ts'
import type { AppStore } from './wire.ts'

/** All that a person can do. What can fail rejects with `ParleyError`. */
export interface Actions extends Rooms {
  register: Chat['register']
  login: Chat['login']
  logout: Chat['logout']
  unsentCount: Chat['outboxSize']
  retryList(): Promise<void>
  loadMoreConversations(): Promise<void>
  send(id: ConversationId, text: string, mentionable: Usernames): void
  retry: Chat['retry']
  discard: Chat['discard']
  pressedKey: Chat['pressedKey']
  attend(id: ConversationId, attended: boolean): void
  findPeople(query: string, signal: AbortSignal): Promise<readonly PublicUser[]>
  startDirect(userId: UserId): Promise<ConversationId>
  /** `clientId`: the same for every try, so that two of them do not make two groups. */
  createGroup(title: string, memberIds: readonly UserId[], clientId: string): Promise<ConversationId>
  members(id: ConversationId): Promise<readonly Member[]>
  addMembers(id: ConversationId, userIds: readonly UserId[]): Promise<void>
  removeMember(id: ConversationId, userId: UserId): Promise<void>
  rename(id: ConversationId, title: string): Promise<void>
}

export function createActions(chat: Chat, store: AppStore): Actions {
  const list = createList(chat, store)
  // Before the rooms listen: they wait for the list.
  chat.on('signedIn', begin)
  const rooms = createRooms(chat, store, list)

  function added(conversation: Conversation): ConversationId {
    store.dispatch({ type: 'added', conversation })
    void list.load()
    return conversation.id
  }

  function begin(): void {
    void list.load()
    chat.connect()
  }
  const user = chat.user()
  if (user) {
    store.dispatch({ type: 'signed-in', user })
    begin()
  }

  return {
    ...rooms,
    register: chat.register,
    login: chat.login,
    logout: chat.logout,
    unsentCount: chat.outboxSize,
    retryList: list.load,
    loadMoreConversations: list.loadMore,
    send(id, text, mentionable) {
      const mentions = mentionedIn(text, mentionable)
      chat.send(id, { text, ...(mentions.length > 0 && { mentions }) })
    },
    retry: chat.retry,
    discard: chat.discard,
    pressedKey: chat.pressedKey,
    attend: (conversationId, attended) => store.dispatch({ type: 'attention', conversationId, attended }),
    async findPeople(query, signal) {
      const { items } = await chat.call(findUsers, { query: { query, limit: 20 } }, { signal })
      store.dispatch({ type: 'people', people: items })
      return items
    },
    startDirect: async (userId) =>
      added(await chat.call(createConversation, { body: { kind: 'direct', memberIds: [userId] } })),
    async createGroup(title, memberIds, clientId) {
      const body = { kind: 'group' as const, title, memberIds: [...memberIds], clientId }
      return added(await chat.call(createConversation, { body }))
    },
    async members(conversationId) {
      const all: Member[] = []
      let cursor: string | undefined
      do {
        const query = { limit: 200, ...(cursor !== undefined && { cursor }) }
        const page = await chat.call(listMembers, { params: { conversationId }, query })
        all.push(...page.items)
        cursor = page.cursor
      } while (cursor !== undefined)
      return all
    },
    async addMembers(conversationId, userIds) {
      await chat.call(addMembers, { params: { conversationId }, body: { userIds: [...userIds] } })
    },
    async removeMember(conversationId, userId) {
      await chat.call(removeMember, { params: { conversationId, userId } })
    },
    async rename(conversationId, title) {
      await chat.call(updateConversation, { params: { conversationId }, body: { title } })
    },
  }
}
