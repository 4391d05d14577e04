export * from './api.ts'
export { createChat } from './chat.ts'
export type { ConnectionState } from './connection.ts'
export * from './errors.ts'
export type { CallInput } from './http.ts'
export * from './inbox.ts'
export type { OutboxItem } from './outbox.ts'
export {
  browserStorage,
  type ChatSocket,
  type Clock,
  type Exclusive,
  memoryStorage,
  type OpenSocket,
  type SocketHandlers,
  type Storage,
  systemClock,
  type WebStorage,
} from './ports.ts'
export type { Synced } from './resync.ts'
export { socketIo } from './socket-io.ts'
export * from './view.ts'
