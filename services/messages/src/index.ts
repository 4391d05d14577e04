/** The parts that tests and the simulation drive by themselves. */

export { type Announcer, createAnnouncer } from './announcer.ts'
export { createMessagesApp, type MessagesApp, type MessagesDeps } from './app.ts'
export { type Commands, createCommands } from './commands.ts'
export { type Conversations, createConversations } from './conversations.ts'
export { createDeadLetters, type DeadLetters } from './dead-letters.ts'
export { toEntry } from './entries.ts'
export { givenUpIn } from './events.ts'
export { activeMemberIds } from './log/fold.ts'
export { type ConversationLog, createConversationLog } from './log/index.ts'
export { type Block, families, keys, type StoredEntry } from './log/stored.ts'
export { createPeople, type People } from './people.ts'
export { unreadOf } from './unread.ts'
