import { createECDH } from 'node:crypto'
import type { UserId, webPushSubscription } from '@parley/contracts'
import { ChatError, type Clock, createUpdater, type DocumentStore } from '@parley/kit'
import { LRUCache } from 'lru-cache'
import type { z } from 'zod'
import * as documents from './documents.ts'
import { type EndpointRules, refuseEndpoint } from './domain/endpoint.ts'
import type { Preferences } from './domain/recipients.ts'

export type Subscriptions = ReturnType<typeof createSubscriptions>

/** Devices of one person; the oldest makes room. */
export const maxSubscriptions = 20

/**
 * How long it is remembered of a person that they have no subscription: most people have none, and each message asks.
 * So the other replicas push nothing to a subscription of theirs that is younger than this; its own one does at once.
 */
export const unsubscribedForMs = 5_000
const maxRemembered = 50_000

export interface SubscriptionsDeps {
  readonly store: DocumentStore
  readonly clock: Clock
  readonly rules: EndpointRules
}

export function createSubscriptions({ store, clock, rules }: SubscriptionsDeps) {
  const updateList = createUpdater(store, documents.subscriptions, clock)
  const updateOwner = createUpdater(store, documents.owners, clock)
  const unsubscribed = new LRUCache<UserId, true>({
    max: maxRemembered,
    ttl: unsubscribedForMs,
    // By the clock of the service, asked each time.
    perf: clock,
    ttlResolution: 0,
  })
  /** Counts the subscriptions made here: what was read before one of them is old. */
  let added = 0

  const remove = (userId: string, id: string) =>
    updateList(userId, (list) =>
      list?.items.some((item) => item.id === id)
        ? { items: list.items.filter((item) => item.id !== id) }
        : list,
    )

  /** Ownership first: between the two writes the endpoint gets nothing, never something of another person. */
  async function add(
    userId: UserId,
    subscription: documents.Subscription,
  ): Promise<{ id: string; created: boolean }> {
    const { id } = subscription
    let formerOwner: string | null = null
    await updateOwner(id, (owner) => {
      formerOwner = owner?.userId ?? null
      return owner?.userId === userId ? owner : { userId }
    })
    if (formerOwner !== null && formerOwner !== userId) await remove(formerOwner, id)
    let created = false
    await updateList(userId, (list) => {
      const others = (list?.items ?? []).filter((item) => item.id !== id)
      created = others.length === (list?.items.length ?? 0)
      return { items: [...others, subscription].slice(-maxSubscriptions) }
    })
    added += 1
    unsubscribed.delete(userId)
    return { id, created }
  }

  return {
    async addWebPush(userId: UserId, { endpoint, keys }: z.infer<typeof webPushSubscription>) {
      const refusal = refuseEndpoint(endpoint, rules)
      if (refusal !== undefined)
        throw new ChatError('endpoint_refused', { detail: `The endpoint ${refusal}` })
      assertKeys(keys)
      return add(userId, { id: documents.subscriptionIdOf(endpoint), endpoint, keys })
    },

    addSns: (userId: UserId, device: string) =>
      add(userId, { id: documents.snsIdOf(userId, device), device }),

    async remove(userId: UserId, id: string): Promise<void> {
      const stored = await store.get(documents.subscriptions, userId)
      if (!stored?.value.items.some((item) => item.id === id)) throw new ChatError('subscription_not_found')
      await remove(userId, id)
      await updateOwner(id, (owner) => (owner?.userId === userId ? { userId: null } : owner))
    },

    /** The push service says that it is over. */
    forget: remove,

    /** The subscription as it is now, if it is still this person's. */
    async find(userId: string, id: string): Promise<documents.Subscription | undefined> {
      const [list, owner] = await Promise.all([
        store.get(documents.subscriptions, userId),
        store.get(documents.owners, id),
      ])
      if (owner?.value.userId !== userId) return undefined
      return list?.value.items.find((item) => item.id === id)
    },

    /** The ids of the subscriptions of each person who has any. */
    async idsOf(userIds: readonly UserId[]): Promise<Map<UserId, string[]>> {
      const asked = userIds.filter((userId) => !unsubscribed.has(userId))
      if (asked.length === 0) return new Map()
      const before = added
      const lists = await store.getMany(documents.subscriptions, asked)
      const ids = new Map<UserId, string[]>()
      for (const userId of asked) {
        const items = lists.get(userId)?.value.items ?? []
        if (items.length > 0)
          ids.set(
            userId,
            items.map(({ id }) => id),
          )
        else if (added === before) unsubscribed.set(userId, true)
      }
      return ids
    },

    async ownersOf(ids: readonly string[]): Promise<(id: string) => string | null | undefined> {
      const found = await store.getMany(documents.owners, [...new Set(ids)])
      return (id) => found.get(id)?.value.userId
    },

    async preferencesOf(userIds: readonly UserId[]): Promise<(userId: UserId) => Preferences> {
      const found = await store.getMany(documents.preferences, userIds)
      return (userId) => found.get(userId)?.value ?? documents.defaultPreferences
    },

    setPreferences: (userId: UserId, chosen: Preferences) => store.put(documents.preferences, userId, chosen),
  }
}

/** An uncompressed point on P-256 and 16 bytes: what is not would only fail when there is something to push. */
function assertKeys({ p256dh, auth }: { p256dh: string; auth: string }): void {
  const ecdh = createECDH('prime256v1')
  ecdh.generateKeys()
  try {
    const point = Buffer.from(p256dh, 'base64url')
    if (point.length !== 65) throw new TypeError('must have 65 bytes')
    ecdh.computeSecret(point)
  } catch (cause) {
    const detail = 'body.subscription.keys.p256dh: must be an uncompressed point on P-256'
    throw new ChatError('invalid_body', { detail, cause })
  }
  if (Buffer.from(auth, 'base64url').length !== 16)
    throw new ChatError('invalid_body', { detail: 'body.subscription.keys.auth: must have 16 bytes' })
}
