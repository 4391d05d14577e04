import { getPreferences, getVapidPublicKey, setPreferences, subscribe, unsubscribe } from '@parley/contracts'
import { ChatError, type HttpApp, handle } from '@parley/kit'
import type { Subscriptions } from './subscriptions.ts'
import type { VapidKeys } from './vapid.ts'

export interface RouteDeps {
  readonly subscriptions: Subscriptions
  readonly keys: () => Promise<VapidKeys>
  readonly hasSns: () => boolean
}

const noSns =
  'This installation has no SNS topic: subscribe with the kind `webpush`, or ask its operator for the component `push-sns` and the secret `sns-topic-arn`'

export function registerRoutes(http: HttpApp, { subscriptions, keys, hasSns }: RouteDeps): void {
  handle(http, getVapidPublicKey, async () => {
    const { publicKey } = await keys()
    return { status: 200, body: { publicKey } }
  })
  handle(http, subscribe, async ({ caller, body }) => {
    if (body.kind === 'sns' && !hasSns()) throw new ChatError('endpoint_refused', { detail: noSns })
    const { id, created } = await (body.kind === 'sns'
      ? subscriptions.addSns(caller.userId, body.device)
      : subscriptions.addWebPush(caller.userId, body.subscription))
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
