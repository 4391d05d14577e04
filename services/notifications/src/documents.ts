import { createHash } from 'node:crypto'
import { preferences as preferencesSchema } from '@parley/contracts'
import { defineFamily } from '@parley/kit'
import { z } from 'zod'

/** `vapid:keys`: who we are to the push services. Lost keys make every subscription worthless. */
export const vapid = defineFamily({
  prefix: 'vapid',
  mode: 'log',
  schema: z.object({ publicKey: z.string(), privateKey: z.string() }),
})

const webPush = z.object({
  id: z.string(),
  endpoint: z.string(),
  keys: z.object({ p256dh: z.string(), auth: z.string() }),
})
const sns = z.object({ id: z.string(), device: z.string() })
export type WebPushSubscription = z.infer<typeof webPush>
export type SnsSubscription = z.infer<typeof sns>
export type Subscription = WebPushSubscription | SnsSubscription

/** `subs:<userId>`: where a person wants to be pushed, oldest first. */
export const subscriptions = defineFamily({
  prefix: 'subs',
  mode: 'versioned',
  schema: z.object({ items: z.array(z.union([webPush, sns])) }),
  // Since the second shape also devices on an SNS topic.
  upgrades: [(old) => old],
})

/**
 * `owner:<subscription>`: whose an endpoint is. A browser keeps its endpoint when another person logs in there; from
 * then on nothing of the first person may reach it, so a push asks here.
 */
export const owners = defineFamily({
  prefix: 'owner',
  mode: 'versioned',
  schema: z.object({ userId: z.string().nullable() }),
})

/** `preferences:<userId>`. */
export const preferences = defineFamily({
  prefix: 'preferences',
  mode: 'last-write',
  schema: preferencesSchema,
})
export const defaultPreferences: z.infer<typeof preferencesSchema> = { push: 'all', preview: true }

/**
 * `pushed:<conversation>:<seq>:<subscription>`: what became of one push. `owed` until its end is known, so that a
 * redelivered event finds it and adds nothing.
 */
export const pushed = defineFamily({
  prefix: 'pushed',
  mode: 'versioned',
  expires: true,
  schema: z.discriminatedUnion('state', [
    z.object({
      state: z.literal('owed'),
      userId: z.string(),
      subscriptionId: z.string(),
      payload: z.string(),
      /** Push services keep one undelivered push per topic. */
      topic: z.string(),
      /** After that nobody wants to be told any more. */
      validUntil: z.number(),
      attempts: z.number().int(),
    }),
    z.object({ state: z.literal('sent') }),
    z.object({ state: z.literal('ended'), reason: z.string() }),
  ]),
})
export type Pushed = z.infer<typeof pushed.schema>
export type OwedPush = Extract<Pushed, { state: 'owed' }>

const outboxEntry = z.object({ at: z.number(), ticket: z.string(), retry: z.literal(true).optional() })
/**
 * `outbox:<0…31>`: the keys of pushes that are owed, when each is to be tried, who holds it (`ticket`), and whether it
 * waits for another try.
 */
export const outbox = defineFamily({
  prefix: 'outbox',
  mode: 'versioned',
  schema: z.object({ entries: z.record(z.string(), outboxEntry) }),
})
export const outboxCount = 32

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Spreads keys over documents: a constant of the data, never to be changed. */
export const outboxOf = (key: string): string => String(digest(key).readUInt32BE(0) % outboxCount)

export const subscriptionIdOf = (endpoint: string): string =>
  digest(endpoint).toString('base64url').slice(0, 22)

/** With the person in it: the name of a device is no secret, so nobody may take one over from somebody else. */
export const snsIdOf = (userId: string, device: string): string =>
  digest(`sns:${userId}:${device}`).toString('base64url').slice(0, 22)

/** At most 32 URL-safe characters (RFC 8030), and not the conversation's id: push services need not know it. */
export const topicOf = (conversationId: string): string =>
  digest(`topic:${conversationId}`).toString('base64url').slice(0, 32)
