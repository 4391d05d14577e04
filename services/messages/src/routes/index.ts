import type { HttpApp } from '@parley/kit'
import { registerConversationRoutes } from './conversations.ts'
import type { RouteDeps } from './deps.ts'
import { registerInternalRoutes } from './internal.ts'
import { registerMessageRoutes } from './messages.ts'

export function registerRoutes(http: HttpApp, deps: RouteDeps): void {
  registerConversationRoutes(http, deps)
  registerMessageRoutes(http, deps)
  registerInternalRoutes(http, deps)
}
