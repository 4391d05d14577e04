import type { MessageStored, UserId } from '@parley/contracts'
import { ChatError, type Clock, type CreateItem, type DocumentStore } from '@parley/kit'
import * as documents from './documents.ts'
import { compose } from './domain/payload.ts'
import {
  type Candidate,
  candidates,
  needsMembers,
  pushWithinMs,
  type StoredConversation,
  wants,
} from './domain/recipients.ts'
import type { Others } from './others.ts'
import type { Outbox } from './outbox.ts'
import type { Subscriptions } from './subscriptions.ts'

export interface NotifyDeps {
  readonly store: DocumentStore
  readonly clock: Clock
  readonly others: Others
  readonly outbox: Outbox
  readonly subscriptions: Subscriptions
}

/** One push: a message to one subscription of one person. */
interface Push {
  readonly candidate: Candidate
  readonly userId: UserId
  readonly subscriptionId: string
  readonly preview: boolean
}

/** Records in one bulk write. */
const batchSize = 100

/**
 * Notes the pushes of stored messages. It is done when they are in the store: carrying them out is the outbox's, so
 * that the broker waits for no push service, and forgets nothing either. Where the outbox is full it throws: then the
 * event stays with the broker. Answers whether there is something to carry out.
 */
export function createNotify(deps: NotifyDeps): (data: MessageStored) => Promise<boolean> {
  const { store, clock, others, outbox, subscriptions } = deps

  /** A large conversation's members, where somebody in it was mentioned. */
  async function membersOf(conversation: StoredConversation): Promise<ReadonlySet<UserId>> {
    return needsMembers(conversation, clock.now()) ? others.membersOf(conversation.conversationId) : new Set()
  }

  /** First whatever shrinks the list at the price of a read, then presence once for all that is left. */
  async function plan(all: readonly Candidate[]): Promise<Push[]> {
    const subscribed = await subscriptions.idsOf([...new Set(all.flatMap(({ userIds }) => userIds))])
    if (subscribed.size === 0) return []
    const preferencesOf = await subscriptions.preferencesOf([...subscribed.keys()])
    const wanted = all.flatMap((candidate) =>
      candidate.userIds.flatMap((userId) => {
        const ids = subscribed.get(userId) ?? []
        const preferences = preferencesOf(userId)
        if (!wants(preferences, candidate.message, userId)) return []
        const { preview } = preferences
        return ids.map((subscriptionId): Push => ({ candidate, userId, subscriptionId, preview }))
      }),
    )
    if (wanted.length === 0) return []
    const online = await others.onlineAmong([...new Set(wanted.map(({ userId }) => userId))])
    const away = wanted.filter(({ userId }) => !online.has(userId))
    // An endpoint can stand in two lists while it changes hands; one of the two owns it.
    const ownerOf = await subscriptions.ownersOf(away.map(({ subscriptionId }) => subscriptionId))
    return away.filter(({ userId, subscriptionId }) => ownerOf(subscriptionId) === userId)
  }

  function toItem(push: Push, names: ReadonlyMap<string, string>): CreateItem<documents.Pushed> {
    const { candidate, userId, subscriptionId, preview } = push
    const { conversation, message } = candidate
    const validUntil = Date.parse(message.createdAt) + pushWithinMs
    const value: documents.Pushed = {
      state: 'owed',
      userId,
      subscriptionId,
      payload: compose({
        kind: conversation.kind,
        title: conversation.title,
        senderName: names.get(message.senderId),
        message,
        preview,
      }),
      topic: documents.topicOf(message.conversationId),
      validUntil,
      attempts: 0,
    }
    // Kept as long as the message may be pushed: after that a redelivery of it is too old to come this far.
    return { key: `${message.conversationId}:${message.seq}:${subscriptionId}`, value, expiresAt: validUntil }
  }

  /** Creates the records; answers the keys of those that are owed, also from an earlier try that went no further. */
  async function record(items: readonly CreateItem<documents.Pushed>[]): Promise<string[]> {
    const owed: string[] = []
    for (let from = 0; from < items.length; from += batchSize) {
      const batch = items.slice(from, from + batchSize)
      const outcomes = await store.createMany(documents.pushed, batch)
      outcomes.forEach((result, index) => {
        if (result.outcome === 'unknown') throw new ChatError('unavailable')
        const over = result.outcome === 'exists' && result.stored.value.state !== 'owed'
        const key = batch[index]?.key
        if (!over && key !== undefined) owed.push(key)
      })
    }
    return owed
  }

  return async ({ conversations }) => {
    const found = await Promise.all(
      conversations.map(async (conversation) =>
        candidates(conversation, await membersOf(conversation), clock.now()),
      ),
    )
    const pushes = await plan(found.flat())
    if (pushes.length === 0) return false
    const names = await others.namesOf([
      ...new Set(pushes.map(({ candidate }) => candidate.message.senderId)),
    ])
    const items = new Map(pushes.map((push) => toItem(push, names)).map((item) => [item.key, item]))
    const owed = await record([...items.values()])
    if (owed.length > 0) await outbox.add(owed, clock.now())
    return owed.length > 0
  }
}
