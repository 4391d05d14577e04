import { type ConversationId, conversationId } from '@parley/contracts'

/** The places of the app. On a phone each is a screen; on a wide window the list stays beside them. */
export type Route =
  | { readonly at: 'list' }
  | { readonly at: 'new-group' }
  | { readonly at: 'conversation'; readonly id: ConversationId; readonly info: boolean }

export function parseRoute(path: string): Route {
  if (path === '/new') return { at: 'new-group' }
  const [, id, info] = /^\/c\/([^/]+)(\/info)?$/.exec(path) ?? []
  const parsed = conversationId.safeParse(id)
  return parsed.success ? { at: 'conversation', id: parsed.data, info: info !== undefined } : { at: 'list' }
}

export function pathOf(route: Route): string {
  switch (route.at) {
    case 'list':
      return '/'
    case 'new-group':
      return '/new'
    case 'conversation':
      return `/c/${route.id}${route.info ? '/info' : ''}`
  }
}

/** What "back" leads to where there is nothing of ours to go back to. */
export function parentOf(route: Route): Route {
  return route.at === 'conversation' && route.info ? { ...route, info: false } : { at: 'list' }
}
