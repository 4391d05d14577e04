import webPush from 'web-push'
import type { WebPushSubscription } from './documents.ts'
import type { PushRequest } from './push-transport.ts'
import type { VapidKeys } from './vapid.ts'

export interface PushOptions {
  readonly keys: VapidKeys
  /** `mailto:` or `https:`: whom a push service may complain to. */
  readonly contact: string
  readonly ttlSeconds: number
  readonly topic: string
}

/** Encrypts for the one device (RFC 8291) and signs for its push service (RFC 8292). Throws where its keys are none. */
export function encryptPush(
  { endpoint, keys }: Pick<WebPushSubscription, 'endpoint' | 'keys'>,
  payload: string,
  options: PushOptions,
): PushRequest {
  const { headers, body } = webPush.generateRequestDetails({ endpoint, keys }, payload, {
    vapidDetails: { subject: options.contact, ...options.keys },
    TTL: options.ttlSeconds,
    urgency: 'high',
    topic: options.topic,
    contentEncoding: 'aes128gcm',
  })
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])
  return { endpoint, headers: Object.fromEntries(named), body: body ?? Buffer.alloc(0) }
}
