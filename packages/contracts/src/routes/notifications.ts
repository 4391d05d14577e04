import { z } from 'zod'
import { defineRoute } from '../route.ts'

const base64Url = z.string().regex(/^[A-Za-z0-9_-]+={0,2}$/)

/** `PushSubscription.toJSON()` of a browser. */
export const webPushSubscription = z.object({
  endpoint: z.url().max(2048),
  expirationTime: z.number().nullable().optional(),
  keys: z.object({ p256dh: base64Url.max(128), auth: base64Url.max(64) }),
})
export const pushSubscription = z.object({ id: z.string(), kind: z.enum(['webpush', 'sns']) })
export const preferences = z.object({ push: z.enum(['all', 'mentions', 'none']), preview: z.boolean() })

export const getVapidPublicKey = defineRoute({
  id: 'getVapidPublicKey',
  app: 'notifications',
  method: 'GET',
  path: '/api/notifications/vapid-public-key',
  access: 'user',
  summary: 'The application server key for `PushManager.subscribe` (base64url).',
  answers: { 200: z.object({ publicKey: z.string() }) },
  errors: ['unavailable'],
})

export const subscribe = defineRoute({
  id: 'subscribe',
  app: 'notifications',
  method: 'POST',
  path: '/api/notifications/subscriptions',
  access: 'user',
  summary: 'Push to this device from now on. The same endpoint again answers 200.',
  body: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('webpush'), subscription: webPushSubscription }),
    z.object({ kind: z.literal('sns'), device: z.string().min(1).max(256) }),
  ]),
  answers: { 201: pushSubscription, 200: pushSubscription },
  errors: ['endpoint_refused', 'unavailable'],
})

export const unsubscribe = defineRoute({
  id: 'unsubscribe',
  app: 'notifications',
  method: 'DELETE',
  path: '/api/notifications/subscriptions/:subscriptionId',
  access: 'user',
  summary: 'Push to this device no longer.',
  params: z.object({ subscriptionId: z.string().min(1).max(64) }),
  answers: { 204: null },
  errors: ['subscription_not_found', 'unavailable'],
})

export const getPreferences = defineRoute({
  id: 'getPreferences',
  app: 'notifications',
  method: 'GET',
  path: '/api/notifications/preferences',
  access: 'user',
  summary: 'What I want to be told.',
  answers: { 200: preferences },
  errors: ['unavailable'],
})

export const setPreferences = defineRoute({
  id: 'setPreferences',
  app: 'notifications',
  method: 'PUT',
  path: '/api/notifications/preferences',
  access: 'user',
  summary: 'Choose what I am told.',
  body: preferences,
  answers: { 200: preferences },
  errors: ['unavailable'],
})
