import { getPreferences, getVapidPublicKey, setPreferences, subscribe, unsubscribe } from '@parley/contracts'
import { ChatError, type HttpApp, handle } from '@parley/kit'
import type { Subscriptions } from './subscriptions.ts'
import type { VapidKeys } from './vapid.ts'

export interface RouteDeps {
  readonly subscriptions: Subscriptions
  readonly keys: () => Promise<VapidKeys>
}

export function registerRoutes(http: HttpApp, { subscriptions, keys }: RouteDeps): void {
  handle(http, getVapidPublicKey, async () => {
    const { publicKey } = await keys()
    return { status: 200, body: { publicKey } }
  })
  handle(http, subscribe, async ({ caller, body }) => {
    if (body.kind === 'sns')
      throw new ChatError('endpoint_refused', { detail: 'This installation has no `sns` binding' })
    const { id, created } = await subscriptions.add(caller.userId, body.subscription)
    return { status: created ? 201 : 200, body: { id, kind: body.kind } }
  })
  handle(http, unsubscribe, async ({ caller, params }) => {
    await subscriptions.remove(caller.userId, params.subscriptionId)
    return { status: 204 }
  })
  handle(http, getPreferences, async ({ caller }) => {
    const preferencesOf = await subscriptions.preferencesOf([caller.userId])
    return { status: 200, body: preferencesOf(caller.userId) }
  })
  handle(http, setPreferences, async ({ caller, body }) => {
    await subscriptions.setPreferences(caller.userId, body)
    return { status: 200, body }
  })
}
