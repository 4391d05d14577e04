import { serviceIds } from './events.ts'
import type { RouteContract } from './route.ts'
import * as auth from './routes/auth.ts'
import * as conversations from './routes/conversations.ts'
import * as notifications from './routes/notifications.ts'
import * as operations from './routes/operations.ts'
import * as presence from './routes/presence.ts'

export * from './entities.ts'
export * from './errors.ts'
export * from './events.ts'
export * from './ids.ts'
export * from './limits.ts'
export * from './metrics.ts'
export * from './route.ts'
export * from './routes/auth.ts'
export * from './routes/conversations.ts'
export * from './routes/notifications.ts'
export * from './routes/operations.ts'
export * from './routes/presence.ts'
export * from './socket-events.ts'

const isRoute = (value: unknown): value is RouteContract =>
  typeof value === 'object' && value !== null && 'path' in value && 'answers' in value

/** Every HTTP route of the system. */
export const routes: readonly RouteContract[] = [auth, conversations, presence, notifications, operations]
  .flatMap((module) => Object.values(module).filter(isRoute))
  .concat(serviceIds.map(operations.statusOf))
